import { tableElement } from '../elements.ts';
import { scaledFormat } from '../scaled.ts';
import { SCALE_F16, SCALE_F32 } from '../scales.ts';
import { lloydMaxLevels } from './lloyd-max.ts';
import { powerExponent } from './power.ts';
import { RANK1_LINEAR4 } from './rank1.ts';
import type { Family } from './types.ts';

/** Quantiles of a Gaussian, 8 on either side of 0, scaled to ±1. @see Dettmers et al., "QLoRA", NeurIPS 2023, appendix E */
const NF4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
]; // prettier-ignore

/** 0 and ±base^−k: the code of 0 takes the place of the smallest magnitude on the negative side. */
function logarithmicLevels(bits: number, base: number): number[] {
  const half = 2 ** (bits - 1);
  return Array.from({ length: 2 * half }, (_, code) => {
    if (code === 0) return 0;
    return code < half ? base ** -(half - 1 - code) : -(base ** -(2 * half - 1 - code));
  });
}

/**
 * Dynamic tree: the leading zeros are a decimal exponent, the rest a linear fraction of [0.1, 1].
 * @see Dettmers, "8-Bit Approximations for Parallelism in Deep Learning", ICLR 2016, section 2.2; bitsandbytes,
 * create_dynamic_map
 */
function dynamicTreeLevels(): number[] {
  const exponents = 7;
  const positive = Array.from({ length: exponents }, (_, i) =>
    Array.from({ length: 2 ** i }, (_, k) => 10 ** (i + 1 - exponents) * (0.1 + (0.9 * (k + 0.5)) / 2 ** i)),
  ).flat();
  return [...positive.map((level) => -level).reverse(), 0, ...positive, 1];
}

const bases = [
  ['LOG4', 4, 2],
  ['LOG4_SQRT2', 4, Math.SQRT2],
  ['LOG5_SQRT2', 5, Math.SQRT2],
] as const;

export const nonUniform: Family = {
  name: 'non-uniform',
  branch: 'custom',
  title: 'Levels that are not equally spaced, one value at a time',
  equation:
    'x ≈ s·L[q]; NF4: Gaussian quantiles; LOG: ±b^−k; dynamic tree: ±10^−e·f; Lloyd–Max: cell means; power: ±(q/q_max)^γ; rank 1: x ≈ min(r_i, c_j)·(±k/8)',
  source:
    'QLoRA, 2023, appendix E; Miyashita et al., 2016; Dettmers, 2016; Max, 1960; Yvinec et al., “PowerQuant”, ICLR 2023; Li et al., “Memory Efficient Optimizers with 4-bit States”, NeurIPS 2023, section 4',
  formats: [
    scaledFormat({ name: 'NF4', element: tableElement(NF4), group: 64, scale: SCALE_F32 }),
    ...bases.map(([name, bits, base]) =>
      scaledFormat({ name, element: tableElement(logarithmicLevels(bits, base)), group: 128, scale: SCALE_F16 }),
    ),
    scaledFormat({ name: 'DYNAMIC_TREE8', element: tableElement(dynamicTreeLevels()), group: 256, scale: SCALE_F32 }),
    ...[2, 3, 4, 5].flatMap((bits) => {
      const element = tableElement(lloydMaxLevels(bits));
      return [
        scaledFormat({ name: `LLOYD_MAX${bits}_G128`, element, group: 128, scale: SCALE_F16 }),
        scaledFormat({ name: `LLOYD_MAX${bits}_TENSOR`, element, group: 'tensor', scale: SCALE_F32 }),
      ];
    }),
    ...powerExponent,
    RANK1_LINEAR4,
  ],
};
