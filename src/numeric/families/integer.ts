import { integerElement } from '../elements.ts';
import { type ScaledSpec, scaledFormat } from '../scaled.ts';
import { SCALE_BF16, SCALE_E4M3, SCALE_F16, SCALE_F32, type ScaleType } from '../scales.ts';
import type { NumberFormat, TensorFormat } from '../types.ts';
import { affineFormat } from './affine.ts';
import { nested } from './nested.ts';
import type { Family } from './types.ts';

/**
 * `signed` −2^(b−1) … 2^(b−1) − 1, value = s·q; `clipped` without −2^(b−1), so that negation is exact; `asymmetric`
 * 0 … 2^b − 1, value = s·(q − z) with an integer zero point z.
 */
export type IntegerKind = 'signed' | 'clipped' | 'asymmetric';

export interface IntegerSpec {
  readonly bits: number;
  readonly kind: IntegerKind;
  readonly group: number | 'channel' | 'tensor';
  readonly scale: ScaleType;
}

const PREFIX: Record<IntegerKind, string> = { signed: 'INT', clipped: 'SINT', asymmetric: 'UINT' };
/** Any integer format: `INT4_G128` has F16 scales, `SINT8_CHANNEL` and `UINT2_TENSOR` F32; `UINT3_TENSOR_BF16` says so. */
export function integerFormat({ bits, kind, group, scale }: IntegerSpec): NumberFormat | TensorFormat {
  const usual = typeof group === 'number' ? SCALE_F16 : SCALE_F32;
  const place = typeof group === 'number' ? `G${group}` : group.toUpperCase();
  const common = {
    name: `${PREFIX[kind]}${bits}_${place}${scale === usual ? '' : `_${scale.name}`}`,
    scale,
    ...containers(bits, kind, scale),
  };
  if (kind === 'asymmetric') return affineFormat({ ...common, bits, group });
  const high = 2 ** (bits - 1) - 1;
  const element = integerElement(bits, kind === 'clipped' ? -high : -high - 1, high);
  return scaledFormat({ ...common, element, group });
}

/**
 * compressed-tensors packs 1 to 8 bits without gaps; ONNX's DequantizeLinear takes 4 and 8 bits (opset 21) and 2 (opset 25).
 * Neither has 8-bit floats as scales of integers.
 */
function containers(bits: number, kind: IntegerKind, scale: ScaleType): Pick<ScaledSpec, 'compressedTensors' | 'onnx'> {
  if (scale === SCALE_E4M3) return {};
  const onnx = [2, 4, 8].includes(bits) ? { onnx: `${kind === 'asymmetric' ? 'UINT' : 'INT'}${bits}` } : {};
  return { compressedTensors: 'pack-quantized', ...onnx };
}

const KINDS = ['signed', 'clipped', 'asymmetric'] as const;
const WIDTHS = [2, 3, 4, 5, 6, 7, 8];
const SCALES = [SCALE_F16, SCALE_F32, SCALE_BF16, SCALE_E4M3];
/** 32 is the usual block of ONNX Runtime's MatMulNBits; a float32 scale would add a whole bit to each of its weights. */
const PLACES = [
  { group: 32, scales: [SCALE_F16] },
  { group: 128, scales: SCALES },
  { group: 'channel', scales: SCALES },
  { group: 'tensor', scales: SCALES },
] as const;

export const integers: Family = {
  name: 'integer',
  branch: 'fixed point',
  title: 'Integers of 2 to 8 bits under a scale per group, channel or tensor, each of F32, F16, BF16 and E4M3',
  equation: 'x ≈ s·q, or s·(q − z); s minimizes Σ w (x − x̂)²',
  source:
    'Jacob et al., CVPR 2018, equation 1; Krishnamoorthi, 2018, section 2 (per channel); Yao et al., 2022 (groups)',
  formats: WIDTHS.flatMap((bits) =>
    KINDS.flatMap((kind) =>
      PLACES.flatMap(({ group, scales }) => scales.map((scale) => integerFormat({ bits, kind, group, scale }))),
    ),
  ),
};

export const nestedIntegers: Family = {
  name: 'nested integer',
  branch: 'fixed point',
  title: 'Integers that hold narrower ones',
  equation: 'Matryoshka: q_r = min(⌊q_c / 2^(c−r) + ½⌋, 2^r − 1)·2^(c−r); Double Rounding: q_l = clip(⌊q_h / 2^(h−l)⌉)',
  source:
    'Nair et al., “Matryoshka Quantization”, 2025, equation 6; Huang et al., “Nearly Lossless Adaptive Bit Switching”, 2025',
  formats: nested,
};
