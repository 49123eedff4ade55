/**
 * The vector that kernels are written in: four float32 lanes. `lanes.scalar.ts` offers the same names with one lane,
 * and `compile.ts` puts it in this file's place for machines without SIMD.
 */
export type V = v128;
/** Lanes of V. */
export const LANES: i32 = 4;
/** Bytes of V. */
export const VECTOR: usize = 16;
/** Two (SIMD) or one (scalar) float64 partial sums. */
export type D = v128;

// @ts-ignore: decorator
@inline export function vload(address: usize, offset: usize = 0): V { return v128.load(address + offset); }
// @ts-ignore: decorator
@inline export function vstore(address: usize, x: V, offset: usize = 0): void { v128.store(address + offset, x); }
/** Every lane from one float32 in memory. */
// @ts-ignore: decorator
@inline export function vloadSplat(address: usize, offset: usize = 0): V { return v128.load32_splat(address + offset); }
// @ts-ignore: decorator
@inline export function vsplat(x: f32): V { return f32x4.splat(x); }
// @ts-ignore: decorator
@inline export function vadd(a: V, b: V): V { return f32x4.add(a, b); }
// @ts-ignore: decorator
@inline export function vsub(a: V, b: V): V { return f32x4.sub(a, b); }
// @ts-ignore: decorator
@inline export function vmul(a: V, b: V): V { return f32x4.mul(a, b); }
// @ts-ignore: decorator
@inline export function vdiv(a: V, b: V): V { return f32x4.div(a, b); }
/** a·b + c, rounded once or twice. */
// @ts-ignore: decorator
@inline export function vmadd(a: V, b: V, c: V): V {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}
/** Propagates NaN. */
// @ts-ignore: decorator
@inline export function vmax(a: V, b: V): V { return f32x4.max(a, b); }
/** Propagates NaN. */
// @ts-ignore: decorator
@inline export function vmin(a: V, b: V): V { return f32x4.min(a, b); }
// @ts-ignore: decorator
@inline export function vsum(x: V): f32 {
  const pair = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
}
// @ts-ignore: decorator
@inline export function vmaximum(x: V): f32 {
  const pair = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}
/** a < b ? x : y, lane by lane; y where either is NaN. */
// @ts-ignore: decorator
@inline export function vselectLess(a: V, b: V, x: V, y: V): V { return v128.bitselect(x, y, f32x4.lt(a, b)); }
/** b < a ? b : a, lane by lane: one instruction where `vmin` is several. */
// @ts-ignore: decorator
@inline export function vleast(a: V, b: V): V { return f32x4.pmin(a, b); }
// @ts-ignore: decorator
@inline export function vabs(x: V): V { return f32x4.abs(x); }
/** Whether any lane of a is less than the same lane of b. */
// @ts-ignore: decorator
@inline export function vanyLess(a: V, b: V): bool { return v128.any_true(f32x4.lt(a, b)); }
/** Whether any lane of a equals the same lane of b. */
// @ts-ignore: decorator
@inline export function vanyEqual(a: V, b: V): bool { return v128.any_true(f32x4.eq(a, b)); }
/** Rounds to the nearest integer, ties to even. */
// @ts-ignore: decorator
@inline export function vnearest(x: V): V { return f32x4.nearest(x); }
/** x·2^n for integer-valued n in -126..127. */
// @ts-ignore: decorator
@inline export function vscaleByPowerOfTwo(x: V, n: V): V {
  return f32x4.mul(x, i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23));
}

// @ts-ignore: decorator
@inline export function dzero(): D { return f64x2.splat(0); }
/** Adds the lanes of x to the float64 sums. */
// @ts-ignore: decorator
@inline export function dadd(sum: D, x: V): D {
  return f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 0, 1))));
}
/** Adds the products of lanes, taken in float64, to the sums. */
// @ts-ignore: decorator
@inline export function dmadd(a: V, b: V, sum: D): D {
  const low = f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b));
  const a1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  const b1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(b, b, 2, 3, 0, 1));
  return f64x2.add(sum, f64x2.add(low, f64x2.mul(a1, b1)));
}
// @ts-ignore: decorator
@inline export function dsum(sum: D): f64 { return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1); }

/**
 * Transposes a LANES × LANES block: column c of the block (memory rows `from + r·fromStride`) is stored at
 * `to + c·toStride`. Strides in bytes.
 */
// @ts-ignore: decorator
@inline export function vtranspose(to: usize, toStride: usize, from: usize, fromStride: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + fromStride);
  const c = v128.load(from + 2 * fromStride);
  const d = v128.load(from + 3 * fromStride);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(ab0, cd0, 0, 2));
  v128.store(to + toStride, v128.shuffle<f64>(ab0, cd0, 1, 3));
  v128.store(to + 2 * toStride, v128.shuffle<f64>(ab1, cd1, 0, 2));
  v128.store(to + 3 * toStride, v128.shuffle<f64>(ab1, cd1, 1, 3));
}

/** The first `count` lanes from memory, the others `fill`; all lanes when count ≥ LANES. */
// @ts-ignore: decorator
@inline export function vloadPart(address: usize, count: i32, fill: f32): V {
  return count >= LANES ? v128.load(address) : loadTail(address, count, fill);
}
function loadTail(address: usize, count: i32, fill: f32): v128 {
  let x = f32x4.splat(fill);
  if (count > 0) x = f32x4.replace_lane(x, 0, load<f32>(address));
  if (count > 1) x = f32x4.replace_lane(x, 1, load<f32>(address, 4));
  if (count > 2) x = f32x4.replace_lane(x, 2, load<f32>(address, 8));
  return x;
}
/** Stores the first `count` lanes; all when count ≥ LANES. */
// @ts-ignore: decorator
@inline export function vstorePart(address: usize, x: V, count: i32): void {
  if (count >= LANES) v128.store(address, x);
  else storeTail(address, x, count);
}
function storeTail(address: usize, x: v128, count: i32): void {
  if (count > 0) store<f32>(address, f32x4.extract_lane(x, 0));
  if (count > 1) store<f32>(address, f32x4.extract_lane(x, 1), 4);
  if (count > 2) store<f32>(address, f32x4.extract_lane(x, 2), 8);
}
