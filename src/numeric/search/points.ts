import type { CodeSums } from './correlate.ts';

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
