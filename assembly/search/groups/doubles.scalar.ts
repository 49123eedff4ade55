/** `doubles.ts` with a single lane, for machines without SIMD. Same names, same meanings, same bits. */
export type P = f64;
export const PAIR: i32 = 1;

// @ts-ignore: decorator
@inline export function pload(at: usize): P { return load<f64>(at); }
// @ts-ignore: decorator
@inline export function pstore(at: usize, x: P): void { store<f64>(at, x); }
// @ts-ignore: decorator
@inline export function ploadSingles(at: usize): P { return <f64>load<f32>(at); }
// @ts-ignore: decorator
@inline export function pgatherSingles(at: usize, stride: usize): P { return <f64>load<f32>(at); }
// @ts-ignore: decorator
@inline export function pstoreSingles(at: usize, x: P): void { store<f32>(at, <f32>x); }
// @ts-ignore: decorator
@inline export function ploadSplat(at: usize): P { return load<f64>(at); }
// @ts-ignore: decorator
@inline export function psplat(x: f64): P { return x; }
// @ts-ignore: decorator
@inline export function padd(a: P, b: P): P { return a + b; }
// @ts-ignore: decorator
@inline export function psub(a: P, b: P): P { return a - b; }
// @ts-ignore: decorator
@inline export function pmul(a: P, b: P): P { return a * b; }
// @ts-ignore: decorator
@inline export function pdiv(a: P, b: P): P { return a / b; }
// @ts-ignore: decorator
@inline export function pabs(x: P): P { return abs<f64>(x); }
// @ts-ignore: decorator
@inline export function pfloor(x: P): P { return floor<f64>(x); }
// @ts-ignore: decorator
@inline export function pceil(x: P): P { return ceil<f64>(x); }
// @ts-ignore: decorator
@inline export function pnearest(x: P): P { return nearest<f64>(x); }
// @ts-ignore: decorator
@inline export function pclamp(x: P, low: P, high: P): P { return min<f64>(high, max<f64>(low, x)); }
// @ts-ignore: decorator
@inline export function pmaximum(a: P, b: P): P { return max<f64>(a, b); }
// @ts-ignore: decorator
@inline export function pselectGreater(a: P, b: P, x: P, y: P): P { return select<f64>(x, y, a > b); }
// @ts-ignore: decorator
@inline export function psingle(x: P): P { return <f64><f32>x; }
// @ts-ignore: decorator
@inline export function ppower(x: P): P { return reinterpret<f64>(reinterpret<u64>(x) & 0x7ff0000000000000); }
// @ts-ignore: decorator
@inline export function psigned(x: P, sign: P): P { return copysign<f64>(x, sign); }

// @ts-ignore: decorator
@inline export function plevel(cells: usize, shift: i32, place: P, magnitude: P): P {
  const cell = ((reinterpret<u64>(magnitude) >> shift) << 6) + ((reinterpret<u64>(place) >> 63) << 5);
  const at = cells + <usize>cell;
  return select<f64>(load<f64>(at, 16), load<f64>(at, 8), place > load<f64>(at));
}
