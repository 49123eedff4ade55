import type { Element } from '../elements.ts';
import { levelsOf } from '../passes.ts';
import type { ScaleType } from '../scales.ts';
import { largestMagnitude } from './divisor.ts';

/** Both levels of scales under which a tensor is exact. */
export interface ExactScales {
  /** A float32. */
  readonly outer: number;
  /** Code of every group's scale. */
  readonly codes: Uint8Array;
}

/** What two roundings to float32 may move the scale of the tensor by, relatively: that many times 2⁻²⁴. */
const ROUNDINGS = 3;
const ROUNDING = 2 ** -24;

const single = new Float32Array(1);

/**
 * The scales of a tensor whose values all are fround(fround(outer·scale)·level), such as one that was decoded from the same
 * format. What the outer scale may be follows from the largest value, which is the product of a scale, a level and it.
 * @returns undefined where there are none; for ordinary weights the first group tells, having more magnitudes than levels
 */
export function exactScales(
  element: Element,
  type: ScaleType,
  group: number,
  values: Float32Array,
): ExactScales | undefined {
  const levels = [...new Set(levelsOf(element))].filter((level) => level > 0).sort((a, b) => b - a);
  for (let from = 0; from < values.length; from += group)
    if (hasMore(values, from, group, levels.length)) return undefined;
  const largest = largestMagnitude(values, 0, values.length);
  if (!(largest > 0 && largest < Infinity)) return undefined;
  const codes = new Uint8Array(values.length / group);
  for (const product of products(type, levels)) {
    for (let k = -ROUNDINGS; k <= ROUNDINGS; k++) {
      single[0] = (largest / product) * (1 + k * ROUNDING);
      const [outer] = single;
      if (!(outer > 0 && outer < Infinity)) continue;
      const fits = codes.every((_, i) => {
        codes[i] = exactCode(element, type, levels, outer, values.subarray(i * group, (i + 1) * group));
        return codes[i] !== NONE;
      });
      if (fits) return { outer, codes };
    }
  }
  return undefined;
}

const NONE = 255;

/** Whether more than `most` magnitudes besides 0 are among `n` values. */
function hasMore(values: Float32Array, from: number, n: number, most: number): boolean {
  const magnitudes = new Set<number>();
  for (let i = from; i < from + n; i++) if (values[i] !== 0) magnitudes.add(Math.abs(values[i]));
  return magnitudes.size > most;
}

/** Every product of a scale and a level, the largest first. */
function products(type: ScaleType, levels: readonly number[]): number[] {
  const all = new Set<number>();
  for (let code = 1; code < NONE; code++)
    for (const level of levels) if (type.value(code) > 0) all.add(type.value(code) * level);
  return [...all].sort((a, b) => b - a);
}

/** Code of the scale under which a group is exact, or NONE. */
function exactCode(
  element: Element,
  type: ScaleType,
  levels: readonly number[],
  outer: number,
  values: Float32Array,
): number {
  const largest = largestMagnitude(values, 0, values.length);
  if (largest === 0) return type.code(0);
  for (const level of levels) {
    const code = type.code(largest / (outer * level));
    const scale = Math.fround(outer * type.value(code));
    if (Math.fround(scale * level) !== largest) continue;
    if (values.every((value) => Math.fround(scale * element.value(element.code(value / scale))) === value)) return code;
  }
  return NONE;
}
