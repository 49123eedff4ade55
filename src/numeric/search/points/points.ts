import type { CodeSums } from '../grid/correlate.ts';
import type { NearestPoints } from './types.ts';

/** Values that are rounded together: those whose signs are stored together. */
export const GROUP = 8;

/** What stands for values of a point format. */
export interface PointCodes {
  /** Entry of the book for every `size` values. */
  readonly entries: Uint16Array;
  /** Signs of every GROUP values: bit set = negative, first value lowest. All 0 where points carry their signs. */
  readonly signs: Uint8Array;
}

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

const scratch: PointCodes = { entries: new Uint16Array(128), signs: new Uint8Array(32) };
const levels = new Float64Array(GROUP);

/** Fills qq and xq of `sums` with the points near to (x / scale), elements [from, from + n). */
export function correlatePoints(
  book: PointBook,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  scale: number,
  sums: CodeSums,
): void {
  let sumQQ = 0;
  let sumXQ = 0;
  for (let at = from; at < from + n; at += GROUP) {
    book.nearest(x, w, at, scale, scratch, levels);
    for (let i = 0; i < GROUP; i++) {
      const wq = w[at + i] * levels[i];
      sumQQ += wq * levels[i];
      sumXQ += wq * x[at + i];
    }
  }
  sums.qq = sumQQ;
  sums.xq = sumXQ;
}

/** See `EncodeBackend.nearestPoints`. */
export function nearestPoints({ books, x, w, scale, which, codes, q }: NearestPoints): void {
  const one = w.length === GROUP;
  for (let g = 0, at = 0; at < x.length; g++, at += GROUP) {
    const book = books[which[g]];
    group.set(x.subarray(at, at + GROUP));
    weights.set(one ? w : w.subarray(at, at + GROUP));
    book.nearest(group, weights, 0, scale[g], scratch, levels);
    const count = GROUP / book.size;
    for (let i = 0; i < count; i++) codes.entries[g * count + i] = scratch.entries[i];
    codes.signs[g] = scratch.signs[0];
    q.set(levels, at);
  }
}

const group = new Float64Array(GROUP);
const weights = new Float64Array(GROUP);
