/**
 * The books that a sub-block may take, as the host lays them out: per book int32 address of a code book, of a second one
 * that a group may choose instead (0: none; its entries follow those of the first), entries of the first, values per entry;
 * float64 smallest and largest magnitude.
 */
import { scratch } from '../../share';
import { entry0, entry1, foundSigns, nearest } from './codebook';

export const BOOK_BYTES: usize = 32;
// @ts-ignore: decorator
@inline export function entrySize(book: usize): i32 { return load<i32>(book, 12); }
// @ts-ignore: decorator
@inline export function smallestLevel(book: usize): f64 { return load<f64>(book, 16); }
// @ts-ignore: decorator
@inline export function largestLevel(book: usize): f64 { return load<f64>(book, 24); }

/** Results of `nearestPoint`. */
export let pointEntry0: i32 = 0;
export let pointEntry1: i32 = 0;
export let pointSigns: i32 = 0;

// @ts-ignore: decorator
@inline function firstLevels(): usize { return scratch + 9216; }

/** A point near to the 8 values at x under weights w, signed levels to q [8] float64. */
export function nearestPoint(book: usize, x: usize, w: usize, scale: f64, q: usize): void {
  const cost = nearest(<usize>load<u32>(book), x, w, scale, q);
  pointEntry0 = entry0;
  pointEntry1 = entry1;
  pointSigns = foundSigns;
  const other = <usize>load<u32>(book, 4);
  if (other == 0) return;
  memory.copy(firstLevels(), q, 64);
  if (nearest(other, x, w, scale, q) < cost) pointEntry0 = entry0 + load<i32>(book, 8);
  else memory.copy(q, firstLevels(), 64);
}
