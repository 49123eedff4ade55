import type { PointBook, PointCodes } from './points.ts';

/** Values of a block of points. */
export const POINT_BLOCK = 256;

/** A block of 256 values of points whose sub-blocks have scales d·unit·(2 a + 1), d in binary16, a from 0. */
export interface PointScale {
  /** A sub-block keeps to one of them. */
  readonly books: readonly PointBook[];
  /** Values per sub-block. */
  readonly subBlock: 16 | 32;
  /** A power of two. */
  readonly unit: number;
  /** Largest a. */
  readonly highest: number;
  /** Each start puts the largest |x| at that multiple of the book's largest level. */
  readonly starts: readonly number[];
}

/** What a search found in consecutive blocks of points. */
export interface FoundPointScales {
  /** As binary16 stores it; 0 where nothing is better than all zeros. [blocks] */
  readonly d: Float64Array;
  /** [blocks, 256 / subBlock] */
  readonly a: Int32Array;
  /** Index of each sub-block's book. [blocks, 256 / subBlock] */
  readonly which: Uint8Array;
}

/** Room for what a search finds in `blocks` blocks. */
export function foundPointScales({ subBlock }: PointScale, blocks: number): FoundPointScales {
  const count = blocks * (POINT_BLOCK / subBlock);
  return { d: new Float64Array(blocks), a: new Int32Array(count), which: new Uint8Array(count) };
}

/** Groups of GROUP values that take points. */
export interface NearestPoints {
  readonly books: readonly PointBook[];
  /** Finite or ±Inf. [groups, GROUP] */
  readonly x: Float64Array;
  /** Weights of each group, or one list for all. [groups, GROUP] or [GROUP] */
  readonly w: Float64Array;
  /** Not negative; at 0 any point does. [groups] */
  readonly scale: Float32Array;
  /** Index of the book. [groups] */
  readonly which: Uint8Array;
  /** Out. */
  readonly codes: PointCodes;
  /** Signed levels out. [groups, GROUP] */
  readonly q: Float64Array;
}

/** The searches of formats whose values are rounded to points of books, in blocks. */
export interface PointSearches {
  /**
   * Scales d·unit·(2 a + 1) that minimize Σ importance·(x − q)² in each block of points.
   * @param values [blocks, 256]
   * @param importance likewise, default all ones
   */
  searchPointScales(
    search: PointScale,
    values: Float32Array,
    importance: Float32Array | undefined,
    found: FoundPointScales,
  ): void;

  /** A point near to each group under its scale and weights. */
  nearestPoints(task: NearestPoints): void;
}
