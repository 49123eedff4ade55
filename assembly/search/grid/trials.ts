/**
 * Scales tried together, one in each float64 lane: every trial adds up its elements in their order, as `correlate` of
 * src/numeric/search/grid/correlate.ts does. `trials.scalar.ts` tries one after the other.
 */
import { hasMinimum, levelsAreIntegers, levelsHigh, levelsLow, levelsTable } from './spec';
import { trialError, trialMinimum, trialQ, trialQQ, trialScale, trialXQ } from '../scratch';

/** Two neighbouring numbers that were just stored one by one: a load of both at once would wait for the stores. */
// @ts-ignore: decorator
@inline function pair(at: usize): v128 { return v128.load64_lane(at + 8, v128.load64_zero(at), 1); }

/** Level nearest to each place. */
// @ts-ignore: decorator
@inline function nearest(integers: bool, place: v128, low: v128, high: v128): v128 {
  const inside = f64x2.pmin(high, f64x2.pmax(low, place)); // in this order NaN becomes low
  if (integers) return f64x2.sub(f64x2.floor(inside), f64x2.splat(128));
  // between 0 and 511 both are the same, and the relaxed one is a single instruction
  const entries = ASC_FEATURE_RELAXED_SIMD
    ? i32x4.relaxed_trunc_f64x2_s_zero(inside)
    : i32x4.trunc_sat_f64x2_s_zero(inside);
  const even = v128.load64_zero(levelsTable + (<usize>i32x4.extract_lane(entries, 0) << 3));
  return v128.load64_lane(levelsTable + (<usize>i32x4.extract_lane(entries, 1) << 3), even, 1);
}

/** Steps of a pair of trials. */
// @ts-ignore: decorator
@inline function stepsOf(integers: bool, k: i32): v128 { return f64x2.div(f64x2.splat(integers ? 1 : 2), pair(trialScale(k))); }
/** Place of the value 0. */
// @ts-ignore: decorator
@inline function zeroOf(integers: bool, affine: bool, k: i32, steps: v128): v128 {
  const middle = f64x2.splat(integers ? 128.5 : 256);
  return affine ? f64x2.sub(middle, f64x2.mul(pair(trialMinimum(k)), steps)) : middle;
}

/** Trials k … k + 3 of n elements: Σ w q (where there are minimums), Σ w q², Σ w x q. */
// @ts-ignore: decorator
@inline function correlate4(integers: bool, affine: bool, x: usize, w: usize, n: i32, k: i32): void {
  const low = f64x2.splat(integers ? 128 + levelsLow : 0), high = f64x2.splat(integers ? 128 + levelsHigh : 511);
  const steps = stepsOf(integers, k), others = stepsOf(integers, k + 2);
  const zero = zeroOf(integers, affine, k, steps), otherZero = zeroOf(integers, affine, k + 2, others);
  let q1 = f64x2.splat(0), q2 = f64x2.splat(0), xq = f64x2.splat(0);
  let r1 = f64x2.splat(0), r2 = f64x2.splat(0), xr = f64x2.splat(0);
  for (const end = x + (<usize>n << 3); x < end; x += 8, w += 8) {
    const value = v128.load64_splat(x), weight = v128.load64_splat(w);
    const q = nearest(integers, f64x2.add(f64x2.mul(value, steps), zero), low, high);
    const wq = f64x2.mul(weight, q);
    if (affine) q1 = f64x2.add(q1, wq);
    q2 = f64x2.add(q2, f64x2.mul(wq, q));
    xq = f64x2.add(xq, f64x2.mul(wq, value));
    const r = nearest(integers, f64x2.add(f64x2.mul(value, others), otherZero), low, high);
    const wr = f64x2.mul(weight, r);
    if (affine) r1 = f64x2.add(r1, wr);
    r2 = f64x2.add(r2, f64x2.mul(wr, r));
    xr = f64x2.add(xr, f64x2.mul(wr, value));
  }
  keep(affine, k, q1, q2, xq);
  keep(affine, k + 2, r1, r2, xr);
}

/** Trials k and k + 1. */
// @ts-ignore: decorator
@inline function correlate2(integers: bool, affine: bool, x: usize, w: usize, n: i32, k: i32): void {
  const low = f64x2.splat(integers ? 128 + levelsLow : 0), high = f64x2.splat(integers ? 128 + levelsHigh : 511);
  const steps = stepsOf(integers, k), zero = zeroOf(integers, affine, k, steps);
  let q1 = f64x2.splat(0), q2 = f64x2.splat(0), xq = f64x2.splat(0);
  for (const end = x + (<usize>n << 3); x < end; x += 8, w += 8) {
    const value = v128.load64_splat(x);
    const q = nearest(integers, f64x2.add(f64x2.mul(value, steps), zero), low, high);
    const wq = f64x2.mul(v128.load64_splat(w), q);
    if (affine) q1 = f64x2.add(q1, wq);
    q2 = f64x2.add(q2, f64x2.mul(wq, q));
    xq = f64x2.add(xq, f64x2.mul(wq, value));
  }
  keep(affine, k, q1, q2, xq);
}

// @ts-ignore: decorator
@inline function keep(affine: bool, k: i32, q: v128, qq: v128, xq: v128): void {
  if (affine) v128.store(trialQ(k), q);
  v128.store(trialQQ(k), qq);
  v128.store(trialXQ(k), xq);
  if (affine) return;
  const error = f64x2.neg(f64x2.div(f64x2.mul(xq, xq), qq));
  v128.store(trialError(k), v128.bitselect(error, f64x2.splat(Infinity), f64x2.gt(qq, f64x2.splat(0))));
}

// @ts-ignore: decorator
@inline function correlateAll(integers: bool, affine: bool, x: usize, w: usize, n: i32, k: i32, end: i32): void {
  for (; k + 2 < end; k += 4) correlate4(integers, affine, x, w, n, k);
  if (k < end) correlate2(integers, affine, x, w, n, k);
}

/** Trials [from, from + count) of n elements. Levels of grids with minimums are integers. */
export function correlate(x: usize, w: usize, n: i32, from: i32, count: i32): void {
  if (hasMinimum) correlateAll(true, true, x, w, n, from, from + count);
  else if (levelsAreIntegers) correlateAll(true, false, x, w, n, from, from + count);
  else correlateAll(false, false, x, w, n, from, from + count);
}
