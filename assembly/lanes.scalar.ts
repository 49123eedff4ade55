/** `lanes.ts` with a single lane, for machines without SIMD. Same names, same meanings. */
export type V = f32;
export const LANES: i32 = 1;
export const VECTOR: usize = 4;
export type D = f64;

// @ts-ignore: decorator
@inline export function vload(address: usize, offset: usize = 0): V { return load<f32>(address + offset); }
// @ts-ignore: decorator
@inline export function vstore(address: usize, x: V, offset: usize = 0): void { store<f32>(address + offset, x); }
// @ts-ignore: decorator
@inline export function vloadSplat(address: usize, offset: usize = 0): V { return load<f32>(address + offset); }
// @ts-ignore: decorator
@inline export function vsplat(x: f32): V { return x; }
// @ts-ignore: decorator
@inline export function vadd(a: V, b: V): V { return a + b; }
// @ts-ignore: decorator
@inline export function vsub(a: V, b: V): V { return a - b; }
// @ts-ignore: decorator
@inline export function vmul(a: V, b: V): V { return a * b; }
// @ts-ignore: decorator
@inline export function vdiv(a: V, b: V): V { return a / b; }
// @ts-ignore: decorator
@inline export function vmadd(a: V, b: V, c: V): V { return a * b + c; }
// @ts-ignore: decorator
@inline export function vmax(a: V, b: V): V { return max<f32>(a, b); }
// @ts-ignore: decorator
@inline export function vmin(a: V, b: V): V { return min<f32>(a, b); }
// @ts-ignore: decorator
@inline export function vsum(x: V): f32 { return x; }
// @ts-ignore: decorator
@inline export function vmaximum(x: V): f32 { return x; }
// @ts-ignore: decorator
@inline export function vselectLess(a: V, b: V, x: V, y: V): V { return select<f32>(x, y, a < b); }
// @ts-ignore: decorator
@inline export function vleast(a: V, b: V): V { return b < a ? b : a; }
// @ts-ignore: decorator
@inline export function vabs(x: V): V { return abs<f32>(x); }
// @ts-ignore: decorator
@inline export function vanyLess(a: V, b: V): bool { return a < b; }
// @ts-ignore: decorator
@inline export function vanyEqual(a: V, b: V): bool { return a == b; }
// @ts-ignore: decorator
@inline export function vnearest(x: V): V { return nearest<f32>(x); }
// @ts-ignore: decorator
@inline export function vscaleByPowerOfTwo(x: V, n: V): V {
  return x * reinterpret<f32>((<i32>n + 127) << 23);
}

// @ts-ignore: decorator
@inline export function dzero(): D { return 0; }
// @ts-ignore: decorator
@inline export function dadd(sum: D, x: V): D { return sum + <f64>x; }
// @ts-ignore: decorator
@inline export function dmadd(a: V, b: V, sum: D): D { return sum + <f64>a * <f64>b; }
// @ts-ignore: decorator
@inline export function dsum(sum: D): f64 { return sum; }

// @ts-ignore: decorator
@inline export function vtranspose(to: usize, toStride: usize, from: usize, fromStride: usize): void {
  store<f32>(to, load<f32>(from));
}

// @ts-ignore: decorator
@inline export function vloadPart(address: usize, count: i32, fill: f32): V { return load<f32>(address); }
// @ts-ignore: decorator
@inline export function vstorePart(address: usize, x: V, count: i32): void { store<f32>(address, x); }
