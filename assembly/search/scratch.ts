/** Where a search keeps the block at hand: float64 arrays in the thread's scratch memory. */
import { scratch } from '../share';

/** The block's values and their importance. [256] each */
// @ts-ignore: decorator
@inline export function blockX(i: i32 = 0): usize { return scratch + (<usize>i << 3); }
// @ts-ignore: decorator
@inline export function blockW(i: i32 = 0): usize { return scratch + 2048 + (<usize>i << 3); }

/** What is tried, and the sums that come of it. [20] each: room for a whole vector behind the last trial */
// @ts-ignore: decorator
@inline export function trialScale(k: i32): usize { return scratch + 4096 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline export function trialMinimum(k: i32): usize { return scratch + 4256 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline export function trialQ(k: i32): usize { return scratch + 4416 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline export function trialQQ(k: i32): usize { return scratch + 4576 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline export function trialXQ(k: i32): usize { return scratch + 4736 + (<usize>k << 3); }

/** Error of a trial at its least squares, less Σ w x²; where there are no minimums. [20] */
// @ts-ignore: decorator
@inline export function trialError(k: i32): usize { return scratch + 5664 + (<usize>k << 3); }

/** The best scale of each sub-block, its totals (Σ w, Σ w x) and the sums over its codes. [16] each */
// @ts-ignore: decorator
@inline export function ideal(j: i32): usize { return scratch + 4896 + (<usize>j << 3); }
// @ts-ignore: decorator
@inline export function subW(j: i32): usize { return scratch + 5024 + (<usize>j << 3); }
// @ts-ignore: decorator
@inline export function subWX(j: i32): usize { return scratch + 5152 + (<usize>j << 3); }
// @ts-ignore: decorator
@inline export function subQ(j: i32): usize { return scratch + 5280 + (<usize>j << 3); }
// @ts-ignore: decorator
@inline export function subQQ(j: i32): usize { return scratch + 5408 + (<usize>j << 3); }
// @ts-ignore: decorator
@inline export function subXQ(j: i32): usize { return scratch + 5536 + (<usize>j << 3); }

// @ts-ignore: decorator
@inline export function get(at: usize): f64 { return load<f64>(at); }
// @ts-ignore: decorator
@inline export function set(at: usize, value: f64): void { store<f64>(at, value); }

/** Error less Σ w x² of a scale and an offset under these sums. */
// @ts-ignore: decorator
@inline export function error(scale: f64, offset: f64, one: f64, x: f64, q: f64, qq: f64, xq: f64): f64 {
  return scale * (scale * qq + 2 * (offset * q - xq)) + offset * (offset * one - 2 * x);
}
