import { F8_E4M3, F8_E5M2 } from '../../core/minifloat.ts';
import { type Element, integerElement, minifloatElement } from '../elements.ts';
import { type ScaledSpec, scaledBlocks, scaledFormat, twoLevelTensor } from '../scaled.ts';
import { SCALE_E4M3, SCALE_E5M3, SCALE_E8M0 } from '../scales.ts';
import { minifloats } from './minifloat.ts';
import type { Family } from './types.ts';

/** Values per block of the OCP formats. */
export const MX_GROUP = 32;
/** Values per block of the formats with a scale of E4M3. */
export const NV_GROUP = 16;

function small(name: string): Element {
  return minifloatElement(minifloats.get(name)!);
}

/** Integers without the lowest, as binary fractions: b bits stand for ±(2 − 2^(2−b)) in steps of 2^(2−b). */
function fraction(bits: number): Element {
  const high = 2 ** (bits - 1) - 1;
  return integerElement(bits, -high, high, 2 ** (2 - bits));
}

/**
 * Elements of the OCP formats with the exponent of their largest power of two, by which the standard scales:
 * 2^(⌊log2 max|x|⌋ − emax). MXFP4 is among the formats of GGUF, with these same values.
 */
export const mxElements: readonly { readonly name: string; readonly element: Element; readonly emax: number }[] = [
  { name: 'MXFP8_E4M3', element: minifloatElement(F8_E4M3), emax: 8 },
  { name: 'MXFP8_E5M2', element: minifloatElement(F8_E5M2), emax: 15 },
  { name: 'MXFP6_E2M3', element: small('E2M3'), emax: 2 },
  { name: 'MXFP6_E3M2', element: small('E3M2'), emax: 4 },
  { name: 'MXINT8', element: fraction(8), emax: 0 },
  { name: 'MXINT6', element: fraction(6), emax: 0 },
  { name: 'MXINT4', element: fraction(4), emax: 0 },
];

/** The exponent code that OCP MX 1.0, section 6.3, prescribes for a block with that largest magnitude. */
export function ocpScaleCode(largest: number, emax: number): number {
  return SCALE_E8M0.code(largest > 0 ? 2 ** (floorLog2(largest) - emax) : 0);
}

function floorLog2(value: number): number {
  const guess = Math.floor(Math.log2(value));
  return 2 ** guess > value ? guess - 1 : 2 ** (guess + 1) <= value ? guess + 1 : guess;
}

/** ONNX has 8-bit floats under E8M0 scales since opset 25, compressed-tensors the one with 3 bits of mantissa. */
const MX_CONTAINERS: Readonly<Record<string, Pick<ScaledSpec, 'compressedTensors' | 'onnx'>>> = {
  MXFP8_E4M3: { compressedTensors: 'mxfp8-quantized', onnx: 'FLOAT8E4M3FN' },
  MXFP8_E5M2: { onnx: 'FLOAT8E5M2' },
};

export const mx: Family = {
  name: 'MX',
  branch: 'floating point',
  title: 'OCP microscaling: 32 elements under a power of two',
  equation: 'x ≈ 2^(E − 127)·p, p an ExMy or a fraction q·2^(2 − b)',
  source: 'OCP Microscaling Formats (MX) 1.0, section 5; Chen et al., “INT v.s. FP”, 2025 (MXINT6, MXINT4)',
  formats: mxElements.map(({ name, element }) =>
    scaledBlocks({
      name,
      element,
      group: MX_GROUP,
      scale: SCALE_E8M0,
      ...MX_CONTAINERS[name],
    }),
  ),
};

const e2m1 = small('E2M1');
export const LARGEST_E4M3 = 448;

export const nv: Family = {
  name: 'NV',
  branch: 'floating point',
  title: '16 elements of 4 bits under an 8-bit float',
  equation: 'x ≈ S·s·p, S = max|x| / (448·max p) of the tensor; UE5M3: x ≈ s·p, its range needs no S',
  source:
    'NVIDIA, “Pretraining LLMs with NVFP4”, 2025, appendix C; Chen et al., “INT v.s. FP”, 2025 (NVINT4); UE5M3 after NVFP4 with one level',
  formats: [
    twoLevelTensor({
      name: 'NVFP4_TENSOR',
      element: e2m1,
      group: NV_GROUP,
      scale: SCALE_E4M3,
      largestScale: LARGEST_E4M3,
      compressedTensors: 'nvfp4-pack-quantized',
      onnx: 'FLOAT4E2M1',
    }),
    twoLevelTensor({
      name: 'NVINT4_TENSOR',
      element: integerElement(4, -7, 7),
      group: NV_GROUP,
      scale: SCALE_E4M3,
      largestScale: LARGEST_E4M3,
    }),
    scaledBlocks({ name: 'FP4_UE5M3', element: e2m1, group: NV_GROUP, scale: SCALE_E5M3 }),
    scaledBlocks({ name: 'INT4_UE5M3', element: integerElement(4, -7, 7), group: NV_GROUP, scale: SCALE_E5M3 }),
  ],
};

/** Mantissa widths of block floating point, without the sign. */
const BFP_MANTISSAS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

export const blockFloatingPoint: Family = {
  name: 'block floating point',
  branch: 'fixed point',
  title: 'Signed mantissas of any width under one exponent',
  equation: 'x ≈ 2^E·(−1)^s·m; the dynamic fixed point: one E for the whole tensor',
  source:
    'Darvish Rouhani et al., “Pushing the Limits of Narrow Precision Inferencing” (MSFP), NeurIPS 2020; Das et al., ICLR 2018 (DFP16)',
  formats: [
    ...BFP_MANTISSAS.map((mantissa) => {
      const high = 2 ** mantissa - 1;
      const element = integerElement(mantissa + 1, -high, high);
      return scaledBlocks({ name: `BFP_M${mantissa}`, element, group: NV_GROUP, scale: SCALE_E8M0 });
    }),
    scaledFormat({
      name: 'DFP16',
      element: integerElement(16, -32767, 32767),
      group: 'tensor',
      scale: SCALE_E8M0,
    }),
  ],
};

const BLOCK_MINIFLOAT_GROUP = 64;

export const blockMinifloat: Family = {
  name: 'block minifloat',
  branch: 'floating point',
  title: 'Minifloats under one exponent bias; without mantissa: block logarithm',
  equation: 'x ≈ 2^β·(−1)^s·2^(e − b)·(1 + m/2^M); logarithm: M = 0',
  source:
    'Fox et al., “A Block Minifloat Representation for Training Deep Neural Networks”, ICLR 2021, section 3; Miyashita et al., 2016',
  formats: [
    ...['E2M5', 'E2M4', 'E2M3', 'E2M2', 'E2M1', 'E3M2', 'E3M1'].map((name) => ({
      name: `BM_${name}`,
      minifloat: name,
    })),
    ...['E2M0', 'E3M0', 'E4M0', 'E5M0'].map((name) => ({ name: `BLOG_${name}`, minifloat: name })),
  ].map(({ name, minifloat }) =>
    scaledBlocks({ name, element: small(minifloat), group: BLOCK_MINIFLOAT_GROUP, scale: SCALE_E8M0 }),
  ),
};
