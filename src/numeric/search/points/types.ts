/** Values of a block of points. */
export const POINT_BLOCK = 256;

/** The points that groups of values may take. */
export interface PointBook {
  /** Values per entry. */
  readonly size: 4 | 8;
  /** Smallest and largest magnitude of a level. */
  readonly smallest: number;
  readonly largest: number;
  /**
   * Chooses a point near to values [at, at + GROUP) under weights w, at a positive scale (any point at 0).
   * @param codes out, at the same place
   * @param q signed levels, [GROUP] out
   * @returns Σ w (x/scale − q)²
   */
  nearest(x: Float64Array, w: Float64Array, at: number, scale: number, codes: PointCodes, q: Float64Array): number;
  /** All points: [entries][size] */
  points(): Int8Array[];
  /** The books that a group may choose from; entries of later ones follow those of earlier ones. One or two. */
  readonly parts: readonly BookTables[];
}

/** What stands for values of a point format. */
export interface PointCodes {
  /** Entry of the book for every `size` values. */
  readonly entries: Uint16Array;
  /** Signs of every GROUP values: bit set = negative, first value lowest. All 0 where points carry their signs. */
  readonly signs: Uint8Array;
}

/** How a code book is looked up: what kernels need of it. */
export interface BookTables {
  /** Values per entry. */
  readonly size: 4 | 8;
  /** Where signs are: one bit for each value; the same with an even number of minus signs per group; or in the levels. */
  readonly signs: 'free' | 'even' | 'none';
  /** Levels of all entries. [entries, size] */
  readonly book: Int8Array;
  /** Ascending. */
  readonly levels: Float64Array;
  /** Index of the level nearest to each position. [512] */
  readonly rank: Uint8Array;
  /** Place of each entry's four terms in a table of their costs, a byte each. [entries] */
  readonly places: Uint32Array;
}

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
