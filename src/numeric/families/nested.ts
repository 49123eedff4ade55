import { FormatError } from '../../core/errors.ts';
import { integerElement } from '../elements.ts';
import { levelsOf } from '../passes.ts';
import { readScale, SCALE_F16, writeScale } from '../scales.ts';
import { loadBlock } from '../search/block.ts';
import type { NumberFormat } from '../types.ts';

/**
 *   0        2            2 + 128
 *   ├ s  f16 ┼ 128 × int8 ┤   value = s·q at 8 bits; s·2^(8−r)·q_r at r bits
 * One int8 tensor is also an r-bit one, r = 2 … 7: no second file, no second scale. The two rules differ in what the
 * narrower model is made of and so in what the encoder must watch: see `sliceMsb` and `roundAgain`.
 */
const GROUP = 128;
const BLOCK_BYTES = GROUP + 2;
const STORED_BITS = 8;
const STORED = integerElement(STORED_BITS, -128, 127);

/** A rule that makes the code of `bits` bits, as a multiple of 2^(8 − bits), from the code of 8 bits. */
type Narrowing = (q: number, bits: number) => number;

/**
 * Matryoshka: the upper bits of the offset code q + 128, with the next bit as a carry, kept below 2^bits.
 * @see Nair et al., "Matryoshka Quantization", 2025, equation 6
 */
export function sliceMsb(q: number, bits: number): number {
  const unit = 2 ** (STORED_BITS - bits);
  return Math.min(Math.floor((q + 128) / unit + 0.5), 2 ** bits - 1) * unit - 128;
}

/**
 * Double Rounding: the stored code is rounded a second time, by a step 2^(8 − bits) as large, ties to even.
 * @see Huang et al., "Nearly Lossless Adaptive Bit Switching", 2025, equation 5
 */
export function roundAgain(q: number, bits: number): number {
  const unit = 2 ** (STORED_BITS - bits);
  const half = 2 ** (bits - 1);
  const floor = Math.floor(q / unit);
  const rest = q / unit - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && (floor & 1) !== 0) ? floor + 1 : floor;
  return Math.min(Math.max(rounded, -half), half - 1) * unit;
}

/** Widths whose errors the scale of a Matryoshka block weighs, each relative to the best it could do alone. */
const MATRYOSHKA_WIDTHS = [8, 4, 2];
/** Clipping factors of the scale search. */
const CLIPS = [1, 1.05, 1.1, 1.17, 1.25, 1.35, 1.5, 1.7, 2, 2.4, 3];

function nestedFormat(name: string, narrow: Narrowing, widths: readonly number[]): NestedFormat {
  const x = new Float64Array(GROUP);
  const w = new Float64Array(GROUP);
  const decodeAt = (blocks: Uint8Array, values: Float32Array, bits: number): void => {
    if (!(bits >= 2 && bits <= STORED_BITS && Number.isInteger(bits)))
      throw new FormatError(`${name} read at ${bits} bits: expected 2 to ${STORED_BITS}`);
    for (let i = 0, at = 0; i < values.length; i += GROUP, at += BLOCK_BYTES) {
      const scale = readScale(SCALE_F16, blocks, at);
      for (let k = 0; k < GROUP; k++) values[i + k] = scale * narrow((blocks[at + 2 + k] << 24) >> 24, bits);
    }
  };
  return {
    name,
    blockSize: GROUP,
    blockBytes: BLOCK_BYTES,
    widths,
    passes: () => [
      {
        group: GROUP,
        start: 0,
        stride: BLOCK_BYTES,
        scale: { type: SCALE_F16, at: 0 },
        codesAt: SCALE_F16.bytes,
        bits: STORED_BITS,
        levels: levelsOf(STORED),
      },
    ],
    decodeAt,
    decodeBlocks: (blocks, values) => decodeAt(blocks, values, STORED_BITS),
    encodeBlocks(values, blocks, importance) {
      for (let i = 0, at = 0; i < values.length; i += GROUP, at += BLOCK_BYTES) {
        loadBlock(values, importance, i, GROUP, x, w);
        const code = searchScale(narrow, widths, x, w);
        const scale = SCALE_F16.value(code);
        writeScale(SCALE_F16, code, blocks, at);
        for (let k = 0; k < GROUP; k++) blocks[at + 2 + k] = storedCode(values[i + k], scale);
      }
    },
  };
}

export interface NestedFormat extends NumberFormat {
  /** Widths that the encoder minds. */
  readonly widths: readonly number[];
  /** Decodes the model of `bits` bits that the blocks hold, 2 to 8. */
  decodeAt(blocks: Uint8Array, values: Float32Array, bits: number): void;
}

function storedCode(value: number, scale: number): number {
  if (scale === 0 || Number.isNaN(value)) return 0;
  return Math.min(Math.max(Math.round(value / scale), -128), 127);
}

/** The scale with the least Σ over widths of error(width)/least error(width). */
function searchScale(narrow: Narrowing, widths: readonly number[], x: Float64Array, w: Float64Array): number {
  let largest = 0;
  for (const value of x) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return SCALE_F16.code(0);
  const codes = CLIPS.map((clip) => SCALE_F16.code(largest / (127 * clip)));
  const errors = codes.map((code) => widths.map((bits) => errorAt(narrow, bits, SCALE_F16.value(code), x, w)));
  const least = widths.map((_, k) => Math.min(...errors.map((error) => error[k])));
  const costs = errors.map((error) =>
    error.reduce((sum, e, k) => sum + (least[k] > 0 ? e / least[k] : e > 0 ? 1e9 : 1), 0),
  );
  return codes[costs.indexOf(Math.min(...costs))];
}

function errorAt(narrow: Narrowing, bits: number, scale: number, x: Float64Array, w: Float64Array): number {
  let error = 0;
  for (let i = 0; i < GROUP; i++) error += w[i] * (x[i] - scale * narrow(storedCode(x[i], scale), bits)) ** 2;
  return error;
}

export const MATRYOSHKA_INT8 = nestedFormat('MATRYOSHKA_INT8', sliceMsb, MATRYOSHKA_WIDTHS);
export const DOUBLE_ROUNDING_INT8 = nestedFormat('DOUBLE_ROUNDING_INT8', roundAgain, MATRYOSHKA_WIDTHS);

export const nested: readonly NestedFormat[] = [MATRYOSHKA_INT8, DOUBLE_ROUNDING_INT8];
