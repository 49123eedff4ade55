/** Points of groups under given scales: src/numeric/search/points/points.ts. */
import { scratch, shareStart } from '../../share';
import { BOOK_BYTES, entrySize, nearestPoint, pointEntry0, pointEntry1, pointSigns } from './books';

// @ts-ignore: decorator
@inline function levels(): usize { return scratch + 9280; }

/** Results of `correlatePoints`: Σ w q², Σ w x q. */
export let pointQQ: f64 = 0;
export let pointXQ: f64 = 0;

/** Sums over n elements of x and w, q the points near to x / scale. */
export function correlatePoints(book: usize, x: usize, w: usize, n: i32, scale: f64): void {
  let qq: f64 = 0, xq: f64 = 0;
  for (const end = x + (<usize>n << 3); x < end; x += 64, w += 64) {
    nearestPoint(book, x, w, scale, levels());
    for (let i: usize = 0; i < 64; i += 8) {
      const q = load<f64>(levels() + i);
      const wq = load<f64>(w + i) * q;
      qq += wq * q;
      xq += wq * load<f64>(x + i);
    }
  }
  pointQQ = qq;
  pointXQ = xq;
}

/**
 * Codes of `groups` groups of 8 values. @param x [groups, 8] float64 @param wStride bytes from a group's weights to the next
 * @param scale [groups] float32 @param which [groups] u8 @param entries [groups, 8 / size] u16 out @param signs [groups] u8 out
 * @param q [groups, 8] float64 out, signed levels
 */
export function nearestPoints(
  books: usize, x: usize, w: usize, scale: usize, which: usize, entries: usize, signs: usize, q: usize,
  wStride: i32, groups: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(groups, 4, ith + 1, nth);
  for (let g = shareStart(groups, 4, ith, nth); g < end; g++) {
    const i = <usize>g;
    const book = books + <usize>load<u8>(which + i) * BOOK_BYTES;
    nearestPoint(book, x + (i << 6), w + i * <usize>wStride, <f64>load<f32>(scale + (i << 2)), q + (i << 6));
    if (entrySize(book) == 8) store<u16>(entries + (i << 1), <u16>pointEntry0);
    else {
      store<u16>(entries + (i << 2), <u16>pointEntry0);
      store<u16>(entries + (i << 2), <u16>pointEntry1, 2);
    }
    store<u8>(signs + i, <u8>pointSigns);
  }
}
