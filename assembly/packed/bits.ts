/** Small vector helpers that all block formats share; 16 lanes of bytes each. */

// Vector constants in memory: see half.ts.
// @ts-ignore: decorator
@lazy const NIBBLE: usize = memory.data<u64>([0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f], 16);
/** For each of sixteen bytes, which of two bytes holds its bit, and which bit that is. */
// @ts-ignore: decorator
@lazy const BIT_BYTE: usize = memory.data<u64>([0, 0x0101010101010101], 16);
// @ts-ignore: decorator
@lazy const BIT_MASK: usize = memory.data<u64>([0x8040201008040201, 0x8040201008040201], 16);

/** Low four bits of each byte. */
// @ts-ignore: decorator
@inline export function lowNibbles(q: v128): v128 { return v128.and(q, v128.load(NIBBLE)); }

/** High four bits of each byte. */
// @ts-ignore: decorator
@inline export function highNibbles(q: v128): v128 { return v128.and(i16x8.shr_u(q, 4), v128.load(NIBBLE)); }

/** Bits `shift … shift + width − 1` of each byte, given `mask = 2^width − 1`. */
// @ts-ignore: decorator
@inline export function bitField(q: v128, shift: i32, mask: i32): v128 {
  return shiftAndMask(q, shift, mask);
}

/** Bit `from` of each byte, moved to bit `to`; other bits 0. */
// @ts-ignore: decorator
@inline export function moveBit(q: v128, from: i32, to: i32): v128 {
  return shiftAndMask(q, from - to, 1 << to);
}

/** Bits `from`, `from + 1` of each byte, moved to bits `to`, `to + 1`; other bits 0. */
// @ts-ignore: decorator
@inline export function moveBitPair(q: v128, from: i32, to: i32): v128 {
  return shiftAndMask(q, from - to, 3 << to);
}

/** Each byte shifted right by `right` (left when negative) and masked; the mask must hide what crosses bytes. */
// @ts-ignore: decorator
@inline function shiftAndMask(q: v128, right: i32, mask: i32): v128 {
  if (right == 0) return v128.and(q, i8x16.splat(<i8>mask));
  if (right < 0) return v128.and(i16x8.shl(q, -right), i8x16.splat(<i8>mask));
  return v128.and(i16x8.shr_u(q, right), i8x16.splat(<i8>mask));
}

/** Sixteen bits at `address` → sixteen bytes, `value` where the bit is set and 0 elsewhere. */
// @ts-ignore: decorator
@inline export function bitsToBytes(address: usize, value: i32): v128 {
  const spread = lookUp(v128.load16_splat(address), v128.load(BIT_BYTE));
  const masks = v128.load(BIT_MASK);
  return v128.and(i8x16.eq(v128.and(spread, masks), masks), i8x16.splat(<i8>value));
}

/** The sixteen levels of IQ4_NL and IQ4_XS. */
// @ts-ignore: decorator
@lazy export const NON_LINEAR: usize = memory.data<i8>([
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
], 16);

/** The sixteen E2M1 values, doubled, plus 12. */
// @ts-ignore: decorator
@lazy export const E2M1: usize = memory.data<i8>([12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0], 16);

/** table[index] for indices 0 … 15. */
// @ts-ignore: decorator
@inline export function lookUp(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index);
  return i8x16.swizzle(table, index);
}

/** Four unsigned bytes → f32x4. */
// @ts-ignore: decorator
@inline export function bytesToFloats(q: u32): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i32x4.splat(q))));
}

/** Four signed bytes → f32x4. */
// @ts-ignore: decorator
@inline export function signedBytesToFloats(q: u32): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(i32x4.splat(q))));
}

/** x · factor for the few factors that zero points are, in fewer steps than a vector multiplication takes. */
// @ts-ignore: decorator
@inline export function timesZeroPoint(x: v128, factor: i32): v128 {
  if (factor == 12) return i32x4.add(i32x4.shl(x, 3), i32x4.shl(x, 2));
  return i32x4.shl(x, ctz(factor));
}

/** Σ over lanes of each of four i32x4 → [Σa, Σb, Σc, Σd]. */
// @ts-ignore: decorator
@inline export function sumsOfFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}
