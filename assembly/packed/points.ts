import { BIT_BYTE, BIT_MASK, everyByte, lookUp } from './bits';
import { EVEN_MASKS } from './books';

/** Points of code books (books.ts, made by build.ts), side by side, and their signs. */

/** Points a and b of eight values. */
// @ts-ignore: decorator
@inline export function twoPoints(book: usize, a: usize, b: usize): v128 {
  return v128.load_lane<u64>(book + (b << 3), v128.load64_zero(book + (a << 3)), 1);
}

/** Points a, b, c and d of four values. */
// @ts-ignore: decorator
@inline export function fourPoints(book: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let q = v128.load32_zero(book + (a << 2));
  q = v128.load_lane<u32>(book + (b << 2), q, 1);
  q = v128.load_lane<u32>(book + (c << 2), q, 2);
  return v128.load_lane<u32>(book + (d << 2), q, 3);
}

/** Sixteen bits at `address` → −1 in the bytes whose bit is set, 0 elsewhere. */
// @ts-ignore: decorator
@inline export function signMasks(address: usize): v128 {
  const masks = v128.load(BIT_MASK);
  return i8x16.eq(v128.and(lookUp(v128.load16_splat(address), v128.load(BIT_BYTE)), masks), masks);
}

/** The same from two fields of seven bits: the eighth sign makes the number of minuses even. `shift` is the first's place. */
// @ts-ignore: decorator
@inline export function evenMasks(word: u32, shift: i32): v128 {
  return twoPoints(EVEN_MASKS, (word >> shift) & 127, (word >> (shift + 7)) & 127);
}

/** zero + magnitude, or zero − magnitude where the mask is set. */
// @ts-ignore: decorator
@inline export function withSigns(magnitudes: v128, masks: v128, zero: i32): v128 {
  return i8x16.add(i8x16.sub(v128.xor(magnitudes, masks), masks), everyByte(zero));
}

/** Value `i` of a point, `size` values each, in the same way; bit i % 8 of `signs` is its sign. */
// @ts-ignore: decorator
@inline export function oneValue(book: usize, entry: i32, size: i32, i: i32, signs: i32, zero: i32): i32 {
  const magnitude = <i32>load<i8>(book + entry * size + (i & (size - 1)));
  return (signs >> (i & 7)) & 1 ? zero - magnitude : zero + magnitude;
}

/** The eight signs that seven bits mean, negative where set. */
// @ts-ignore: decorator
@inline export function evenSigns(bits: u32): i32 { return <i32>(bits & 127) | ((popcnt(bits & 127) & 1) << 7); }

/** (a + ½)·unit of four integers. */
// @ts-ignore: decorator
@inline export function halfUp(a: v128, unit: f32): v128 {
  return f32x4.add(f32x4.mul(a, f32x4.splat(unit)), f32x4.splat(unit / 2));
}
