import type { CodeSums } from '../grid/correlate.ts';
import type { NearestPoints, PointBook, PointCodes } from './types.ts';

/** Values that are rounded together: those whose signs are stored together. */
export const GROUP = 8;

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
