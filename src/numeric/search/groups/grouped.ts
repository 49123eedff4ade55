import type { Element } from '../../elements.ts';
import type { ScaleType } from '../../scales.ts';
import { loadBlock } from '../block.ts';
import { levelCodes, searchScaleCode } from './level.ts';
import { type Narrowing, nestedCodes, searchNestedScale } from './nested.ts';
import { searchZeroPoint, zeroPointCodes } from './zeropoint.ts';

/** What groups of values under one scale each search. */
export type GroupSearch = LevelSearch | ZeroPointSearch | NestedSearch;

/** value = fround(scale·level) */
export interface LevelSearch {
  readonly kind: 'levels';
  readonly element: Element;
  readonly type: ScaleType;
  /** A float32 that stored scales are multiplied by. */
  readonly outer: number;
}

/** value = fround(scale·(q − z)), q and z from 0 to 2^bits − 1 */
export interface ZeroPointSearch {
  readonly kind: 'zeroPoint';
  /** At most 8. */
  readonly bits: number;
  readonly type: ScaleType;
}

/** Integers of 8 bits that hold narrower ones: value = scale·narrow(q). */
export interface NestedSearch {
  readonly kind: 'nested';
  readonly narrowing: Narrowing;
  /** Widths whose errors the scale weighs, each relative to the best it could do alone; one to three. */
  readonly widths: readonly number[];
  readonly type: ScaleType;
}

/** What was found in consecutive groups. */
export interface FoundGroups {
  /** Codes of scales. [groups] */
  readonly scale: Uint32Array;
  /** Zero points, where there are such. [groups] */
  readonly zero: Uint8Array;
  /** Codes of values: NaN as 0, ±Inf as the outermost level. [groups, group] */
  readonly codes: Uint16Array;
}

/** The search of formats with one scale per group. */
export interface GroupSearches {
  /**
   * The stored scale that minimizes Σ importance·(x − x̂)² in each group, and codes under it.
   * @param group values of a group: any number, a whole tensor too
   * @param values [groups, group]
   * @param importance likewise, default all ones
   */
  encodeGroups(
    search: GroupSearch,
    group: number,
    values: Float32Array,
    importance: Float32Array | undefined,
    found: FoundGroups,
  ): void;
}

/** Room for what is found in `groups` groups of `group` values. */
export function foundGroups(groups: number, group: number): FoundGroups {
  return {
    scale: new Uint32Array(groups),
    zero: new Uint8Array(groups),
    codes: new Uint16Array(groups * group),
  };
}

/** See `GroupSearches.encodeGroups`. */
export function encodeGroups(
  search: GroupSearch,
  group: number,
  values: Float32Array,
  importance: Float32Array | undefined,
  found: FoundGroups,
): void {
  const x = new Float64Array(group);
  const w = new Float64Array(group);
  for (let g = 0, from = 0; from < values.length; g++, from += group) {
    loadBlock(values, importance, from, group, x, w);
    const part = values.subarray(from, from + group);
    const codes = found.codes.subarray(from, from + group);
    if (search.kind === 'levels') {
      const { element, type, outer } = search;
      found.scale[g] = searchScaleCode(element, type, x, w, outer);
      levelCodes(element, type, found.scale[g], outer, part, codes);
    } else if (search.kind === 'zeroPoint') {
      const { code, zero } = searchZeroPoint(search, x, w);
      found.scale[g] = code;
      found.zero[g] = zero;
      zeroPointCodes(search, code, zero, part, codes);
    } else {
      found.scale[g] = searchNestedScale(search, x, w);
      nestedCodes(search.type.value(found.scale[g]), part, codes);
    }
  }
}
