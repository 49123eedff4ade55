import type { Element } from '../../elements.ts';
import type { ScaleType } from '../../scales.ts';

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

/** The rule that makes the code of fewer bits, as a multiple of 2^(8 − bits), from the code of 8 bits. */
export type Narrowing = 'sliceMsb' | 'roundAgain';

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
