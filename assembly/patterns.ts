/*
 * Points of eight values by patterns, see src/numeric/patterns.ts. Their record in memory, written by
 * src/kernels/wasm/patterns.ts:
 *   0     f32 [256, 8] magnitudes
 *   8192  f32 [256]    shifts
 *   9216  u8 [256]     whether an odd number of values is negative
 *   9472  i32          number of classes
 *   9488  8 × Class
 *   9744  u16 [256, 8] place of each value's level in a table f32 [8, 3, 2, 4], in bytes
 */
// @ts-ignore: decorator
@inline const SHIFTS: usize = 8192;
// @ts-ignore: decorator
@inline const ODD: usize = 9216;
// @ts-ignore: decorator
@inline export const CLASS_COUNT: usize = 9472;
// @ts-ignore: decorator
@inline export const CLASSES: usize = 9488;
// @ts-ignore: decorator
@inline export const PLACES: usize = 9744;

/** Patterns that share their magnitudes, shift and parity. */
@unmanaged export class PatternClass {
  level0: f32;
  level1: f32;
  level2: f32;
  shift: f32;
  levels: i32;
  isOdd: i32;
  /** Code of the first pattern, and how many there are. */
  first: i32;
  count: i32;
}

/** Sign bits of four values by their four bits. */
// @ts-ignore: decorator
@lazy const SIGNS: usize = memory.data<u32>([
  0, 0, 0, 0, 0x80000000, 0, 0, 0, 0, 0x80000000, 0, 0, 0x80000000, 0x80000000, 0, 0,
  0, 0, 0x80000000, 0, 0x80000000, 0, 0x80000000, 0, 0, 0x80000000, 0x80000000, 0, 0x80000000, 0x80000000, 0x80000000, 0,
  0, 0, 0, 0x80000000, 0x80000000, 0, 0, 0x80000000, 0, 0x80000000, 0, 0x80000000, 0x80000000, 0x80000000, 0, 0x80000000,
  0, 0, 0x80000000, 0x80000000, 0x80000000, 0, 0x80000000, 0x80000000,
  0, 0x80000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000,
], 16);

/** Signs of all eight values of a code, 1 is negative. */
// @ts-ignore: decorator
@inline export function signBits(patterns: usize, code: u32): u32 {
  const signs = (code >> 8) & 127;
  return signs | (((popcnt(signs) ^ <u32>load<u8>(patterns + (code & 255), ODD)) & 1) << 7);
}

/** The shift of a code, with its side. */
// @ts-ignore: decorator
@inline export function shiftOf(patterns: usize, code: u32): f32 {
  return reinterpret<f32>(load<u32>(patterns + (<usize>(code & 255) << 2), SHIFTS) ^ ((code >> 15) << 31));
}

/** Four values of a code's point, `part` 0 or 1. */
// @ts-ignore: decorator
@inline export function fourValues(patterns: usize, code: u32, signs: u32, shift: v128, part: usize): v128 {
  const magnitudes = v128.load(patterns + (<usize>(code & 255) << 5) + 16 * part);
  const negative = v128.load(SIGNS + (<usize>((signs >> <u32>(4 * part)) & 15) << 4));
  return f32x4.add(v128.xor(magnitudes, negative), shift);
}

/** Value i of a code's point. */
// @ts-ignore: decorator
@inline export function oneValue(patterns: usize, code: u32, signs: u32, shift: f32, i: usize): f32 {
  const magnitude = load<f32>(patterns + (<usize>(code & 255) << 5) + 4 * i);
  return ((signs >> <u32>i) & 1 ? -magnitude : magnitude) + shift;
}
