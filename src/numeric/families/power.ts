import type { EncodeBackend } from '../backend.ts';
import { type Element, tableElement } from '../elements.ts';
import { ScaledCodec } from '../scaled.ts';
import { SCALE_F16 } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import { tensorFormat } from '../tensor.ts';
import type { TensorFormat } from '../types.ts';

/**
 *   0      1
 *   ├ γ u8 ┼ groups of 64: scale f16, codes ─┤   value = scale·sign(q)·(|q|/q_max)^(γ/32)
 * One exponent per tensor: 1 (γ = 32) is linear, larger ones are denser near 0. It is learned by trying.
 * @see Yvinec et al., "PowerQuant: Automorphism Search for Non-Uniform Quantization", ICLR 2023, equation 3
 */
const GROUP = 64;
const GAMMA_UNIT = 32;
/** Exponents 0.75 to 2.5: beyond them lie no weights. */
const CANDIDATES = [24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80];
/** Values that the exponent is chosen on: groups spread over the tensor. */
const SAMPLED_GROUPS = 64;

function powerElement(bits: number, gamma: number): Element {
  const top = 2 ** (bits - 1) - 1;
  return tableElement(
    Float64Array.from({ length: 2 ** bits }, (_, code) => {
      const q = code > top ? code - 2 ** bits : code;
      return q === -top - 1 ? Number.NaN : Math.sign(q) * (Math.abs(q) / top) ** (gamma / GAMMA_UNIT);
    }),
  );
}

function powerFormat(bits: number): TensorFormat {
  const codecs = new Map<number, ScaledCodec>();
  const codecOf = (gamma: number): ScaledCodec => {
    const known = codecs.get(gamma) ?? new ScaledCodec({ element: powerElement(bits, gamma), scale: SCALE_F16 }, GROUP);
    codecs.set(gamma, known);
    return known;
  };
  const { bytes: groupBytes } = codecOf(GAMMA_UNIT);
  return tensorFormat({
    name: `POWER${bits}`,
    block: `${GROUP} in tensor`,
    range: [-1, 1],
    multiple: GROUP,
    storedBytes: (rows, columns) => 1 + (rows * columns * groupBytes) / GROUP,
    passes: (bytes) => codecOf(bytes[0]).passes!(1),
    encode(values, _columns, bytes, importance, backend) {
      bytes[0] = chooseGamma(codecOf, values, importance, backend);
      codecOf(bytes[0]).encode(values, importance, bytes.subarray(1), backend);
    },
    decode(bytes, _columns, values) {
      const codec = codecOf(bytes[0]);
      for (let i = 0, at = 1; i < values.length; i += GROUP, at += groupBytes) {
        codec.decode(bytes, at, values, i);
      }
    },
  });
}

/** The exponent with the least error on the sampled groups. */
function chooseGamma(
  codecOf: (gamma: number) => ScaledCodec,
  values: Float32Array,
  importance: Float32Array | undefined,
  backend: EncodeBackend,
): number {
  const sample = sampled(values);
  const weights = importance && sampled(importance);
  const x = new Float64Array(sample.length);
  const w = new Float64Array(sample.length);
  for (let i = 0; i < sample.length; i += GROUP)
    loadBlock(sample, weights, i, GROUP, x.subarray(i, i + GROUP), w.subarray(i, i + GROUP));
  const decoded = new Float32Array(sample.length);
  let best = GAMMA_UNIT;
  let bestError = Infinity;
  for (const gamma of CANDIDATES) {
    const codec = codecOf(gamma);
    const bytes = new Uint8Array((sample.length / GROUP) * codec.bytes);
    codec.encode(sample, weights, bytes, backend);
    for (let i = 0, at = 0; i < sample.length; i += GROUP, at += codec.bytes) codec.decode(bytes, at, decoded, i);
    const error = w.reduce((sum, weight, i) => sum + weight * (x[i] - decoded[i]) ** 2, 0);
    if (error < bestError) {
      bestError = error;
      best = gamma;
    }
  }
  return best;
}

/** Groups spread over the tensor. */
function sampled(values: Float32Array): Float32Array {
  const groups = values.length / GROUP;
  const step = Math.max(1, Math.floor(groups / SAMPLED_GROUPS));
  const sample = new Float32Array(Math.ceil(groups / step) * GROUP);
  for (let i = 0; i < sample.length; i += GROUP) sample.set(values.subarray(i * step, i * step + GROUP), i);
  return sample;
}

export const powerExponent: readonly TensorFormat[] = [3, 4, 5].map(powerFormat);
