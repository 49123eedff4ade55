/**
 * A block made ready for the searches, as src/numeric/search/block.ts does, and what they first ask of it. Sums over
 * elements keep even and odd indices apart until the end; `block.scalar.ts` does the same without vectors.
 */

// @ts-ignore: decorator
@inline function added(x: v128): f64 { return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1); }

/** Copies n values and their importance (0: all ones) into x and w, [n] float64. */
export function loadBlock(values: usize, importance: usize, n: i32, x: usize, w: usize): void {
  const infinity = f64x2.splat(Infinity), zero = f64x2.splat(0), one = f64x2.splat(1);
  let sum = zero;
  for (let i: usize = 0; i < <usize>n; i += 2) {
    const value = f64x2.promote_low_f32x4(v128.load64_zero(values + (i << 2)));
    const weight = importance == 0 ? one : f64x2.promote_low_f32x4(v128.load64_zero(importance + (i << 2)));
    const finite = f64x2.lt(f64x2.abs(value), infinity);
    const usable = v128.and(finite, v128.and(f64x2.ge(weight, zero), f64x2.lt(weight, infinity)));
    const kept = v128.and(weight, usable);
    v128.store(x + (i << 3), v128.and(value, finite));
    v128.store(w + (i << 3), kept);
    sum = f64x2.add(sum, kept);
  }
  const total = added(sum);
  const least: f64 = importance == 0 ? 0 : 1e-6;
  const floor = f64x2.splat(total > 0 ? (least * total) / <f64>n : 1);
  for (const end = w + (<usize>n << 3); w < end; w += 16) v128.store(w, f64x2.add(v128.load(w), floor));
}

/** Results of `survey`: smallest and largest x, Σ w, Σ w x. */
export let smallest: f64 = 0;
export let largest: f64 = 0;
export let sumW: f64 = 0;
export let sumWX: f64 = 0;

/** Range and totals of n elements. @param low smallest is at most this */
export function survey(x: usize, w: usize, n: i32, low: f64): void {
  let least = f64x2.splat(low), most = f64x2.splat(load<f64>(x)), one = f64x2.splat(0), first = f64x2.splat(0);
  for (const end = x + (<usize>n << 3); x < end; x += 16, w += 16) {
    const value = v128.load(x), weight = v128.load(w);
    least = f64x2.min(least, value);
    most = f64x2.max(most, value);
    one = f64x2.add(one, weight);
    first = f64x2.add(first, f64x2.mul(weight, value));
  }
  smallest = min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1));
  largest = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
  sumW = added(one);
  sumWX = added(first);
}

/** Of n elements, the one of largest magnitude. */
export function extreme(x: usize, n: i32): f64 {
  let low = v128.load(x), high = low;
  for (const end = x + (<usize>n << 3); x < end; x += 16) {
    const value = v128.load(x);
    low = f64x2.pmin(low, value);
    high = f64x2.pmax(high, value);
  }
  const least = min(f64x2.extract_lane(low, 0), f64x2.extract_lane(low, 1));
  const most = max(f64x2.extract_lane(high, 0), f64x2.extract_lane(high, 1));
  return most >= -least ? most : least;
}

// @ts-ignore: decorator
@inline function entriesOf(values: v128, steps: v128, zero: v128): v128 {
  const place = f64x2.add(f64x2.mul(values, steps), zero);
  const known = v128.bitselect(place, zero, f64x2.eq(place, place)); // NaN counts as 0
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.pmin(f64x2.splat(511), f64x2.pmax(f64x2.splat(0), known)));
}

/** Code of the level nearest to each of n values (a multiple of 4), out of the table `nearest` [512]: src/numeric/search/grid/codes.ts. */
export function nearestOf(nearest: usize, values: usize, codes: usize, n: i32, halfSteps: f64, offset: f64): void {
  const steps = f64x2.splat(halfSteps), zero = f64x2.splat(offset);
  for (let i: usize = 0; i < <usize>n; i += 4) {
    const x = v128.load(values + (i << 2));
    const low = entriesOf(f64x2.promote_low_f32x4(x), steps, zero);
    const high = entriesOf(f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 0, 1)), steps, zero);
    store<u8>(codes + i, load<u8>(nearest + <usize>i32x4.extract_lane(low, 0)));
    store<u8>(codes + i, load<u8>(nearest + <usize>i32x4.extract_lane(low, 1)), 1);
    store<u8>(codes + i, load<u8>(nearest + <usize>i32x4.extract_lane(high, 0)), 2);
    store<u8>(codes + i, load<u8>(nearest + <usize>i32x4.extract_lane(high, 1)), 3);
  }
}
