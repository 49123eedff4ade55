/**
 * The vector that searches of groups are written in: two float64 lanes, which never share a sum. `doubles.scalar.ts` offers
 * the same names with one lane. Nothing here is fused: every build gives the same bits.
 */
export type P = v128;
/** Lanes of P. */
export const PAIR: i32 = 2;

/** Neighbouring numbers that may just have been stored one by one: a load of all at once would wait for the stores. */
// @ts-ignore: decorator
@inline export function pload(at: usize): P { return v128.load64_lane(at + 8, v128.load64_zero(at), 1); }
// @ts-ignore: decorator
@inline export function pstore(at: usize, x: P): void { v128.store(at, x); }
/** Neighbouring float32 numbers. */
// @ts-ignore: decorator
@inline export function ploadSingles(at: usize): P { return f64x2.promote_low_f32x4(v128.load64_zero(at)); }
/** Float32 numbers `stride` bytes apart. */
// @ts-ignore: decorator
@inline export function pgatherSingles(at: usize, stride: usize): P {
  return f64x2.promote_low_f32x4(v128.load32_lane(at + stride, v128.load32_zero(at), 1));
}
/** Rounded to float32. */
// @ts-ignore: decorator
@inline export function pstoreSingles(at: usize, x: P): void { v128.store64_lane(at, f32x4.demote_f64x2_zero(x), 0); }
/** Every lane from one number in memory. */
// @ts-ignore: decorator
@inline export function ploadSplat(at: usize): P { return v128.load64_splat(at); }
// @ts-ignore: decorator
@inline export function psplat(x: f64): P { return f64x2.splat(x); }
// @ts-ignore: decorator
@inline export function padd(a: P, b: P): P { return f64x2.add(a, b); }
// @ts-ignore: decorator
@inline export function psub(a: P, b: P): P { return f64x2.sub(a, b); }
// @ts-ignore: decorator
@inline export function pmul(a: P, b: P): P { return f64x2.mul(a, b); }
// @ts-ignore: decorator
@inline export function pdiv(a: P, b: P): P { return f64x2.div(a, b); }
// @ts-ignore: decorator
@inline export function pabs(x: P): P { return f64x2.abs(x); }
// @ts-ignore: decorator
@inline export function pfloor(x: P): P { return f64x2.floor(x); }
// @ts-ignore: decorator
@inline export function pceil(x: P): P { return f64x2.ceil(x); }
/** To the nearest integer, ties to the even one. */
// @ts-ignore: decorator
@inline export function pnearest(x: P): P { return f64x2.nearest(x); }
/** low ≤ x ≤ high; x is a number. */
// @ts-ignore: decorator
@inline export function pclamp(x: P, low: P, high: P): P { return f64x2.pmin(high, f64x2.pmax(low, x)); }
// @ts-ignore: decorator
@inline export function pmaximum(a: P, b: P): P { return f64x2.pmax(a, b); }
/** a > b ? x : y */
// @ts-ignore: decorator
@inline export function pselectGreater(a: P, b: P, x: P, y: P): P { return v128.bitselect(x, y, f64x2.gt(a, b)); }
/** Rounded to float32. */
// @ts-ignore: decorator
@inline export function psingle(x: P): P { return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(x)); }
/** Largest power of two that is not above x ≥ 2^−1022. */
// @ts-ignore: decorator
@inline export function ppower(x: P): P { return v128.and(x, i64x2.splat(0x7ff0000000000000)); }
/** x ≥ 0 with the sign of another. */
// @ts-ignore: decorator
@inline export function psigned(x: P, sign: P): P { return v128.or(x, v128.and(sign, i64x2.splat(i64.MIN_VALUE))); }

/** Level of a place out of cells (`cells.ts`). @param magnitude clamped |place| */
// @ts-ignore: decorator
@inline export function plevel(cells: usize, shift: i32, place: P, magnitude: P): P {
  const cell = i64x2.add(i64x2.shl(i64x2.shr_u(magnitude, shift), 6), i64x2.shl(i64x2.shr_u(place, 63), 5));
  const even = cells + <usize>i64x2.extract_lane(cell, 0), odd = cells + <usize>i64x2.extract_lane(cell, 1);
  const threshold = v128.load64_lane(odd, v128.load64_zero(even), 1);
  const below = v128.load64_lane(odd + 8, v128.load64_zero(even, 8), 1);
  const above = v128.load64_lane(odd + 16, v128.load64_zero(even, 16), 1);
  return v128.bitselect(above, below, f64x2.gt(place, threshold));
}
