/** Small vector helpers that the block formats share. */

// Vector constants stand in memory, see half.ts; one for each use.
// @ts-ignore: decorator
@lazy const ONES: usize = memory.data<u64>([0x0101010101010101, 0x0101010101010101], 16);
// @ts-ignore: decorator
@lazy const TWOS: usize = memory.data<u64>([0x0202020202020202, 0x0202020202020202], 16);
// @ts-ignore: decorator
@lazy const THREES: usize = memory.data<u64>([0x0303030303030303, 0x0303030303030303], 16);
// @ts-ignore: decorator
@lazy const FOURS: usize = memory.data<u64>([0x0404040404040404, 0x0404040404040404], 16);
// @ts-ignore: decorator
@lazy const EIGHTS: usize = memory.data<u64>([0x0808080808080808, 0x0808080808080808], 16);
// @ts-ignore: decorator
@lazy const NINES: usize = memory.data<u64>([0x0909090909090909, 0x0909090909090909], 16);
// @ts-ignore: decorator
@lazy const TWELVES: usize = memory.data<u64>([0x0c0c0c0c0c0c0c0c, 0x0c0c0c0c0c0c0c0c], 16);
// @ts-ignore: decorator
@lazy const FIFTEENS: usize = memory.data<u64>([0x0f0f0f0f0f0f0f0f, 0x0f0f0f0f0f0f0f0f], 16);
// @ts-ignore: decorator
@lazy const SIXTEENS: usize = memory.data<u64>([0x1010101010101010, 0x1010101010101010], 16);
// @ts-ignore: decorator
@lazy const THIRTY_TWOS: usize = memory.data<u64>([0x2020202020202020, 0x2020202020202020], 16);
// @ts-ignore: decorator
@lazy const FORTY_THREES: usize = memory.data<u64>([0x2b2b2b2b2b2b2b2b, 0x2b2b2b2b2b2b2b2b], 16);
// @ts-ignore: decorator
@lazy const FORTY_EIGHTS: usize = memory.data<u64>([0x3030303030303030, 0x3030303030303030], 16);
// @ts-ignore: decorator
@lazy const SIXTY_TWOS: usize = memory.data<u64>([0x3e3e3e3e3e3e3e3e, 0x3e3e3e3e3e3e3e3e], 16);
/** For each of sixteen bytes, which of two bytes holds its bit, and which bit that is. */
// @ts-ignore: decorator
@lazy export const BIT_BYTE: usize = memory.data<u64>([0, 0x0101010101010101], 16);
// @ts-ignore: decorator
@lazy export const BIT_MASK: usize = memory.data<u64>([0x8040201008040201, 0x8040201008040201], 16);

/** The sixteen levels of IQ4_NL and IQ4_XS. */
// @ts-ignore: decorator
@lazy export const NON_LINEAR: usize = memory.data<i8>([
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
], 16);
/** The sixteen E2M1 values, doubled, plus 12. */
// @ts-ignore: decorator
@lazy export const E2M1: usize = memory.data<i8>([12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0], 16);

/** `value`, one of the constants above, in every byte. */
// @ts-ignore: decorator
@inline export function everyByte(value: i32): v128 {
  if (value == 1) return v128.load(ONES);
  if (value == 2) return v128.load(TWOS);
  if (value == 3) return v128.load(THREES);
  if (value == 4) return v128.load(FOURS);
  if (value == 8) return v128.load(EIGHTS);
  if (value == 9) return v128.load(NINES);
  if (value == 12) return v128.load(TWELVES);
  if (value == 15) return v128.load(FIFTEENS);
  if (value == 16) return v128.load(SIXTEENS);
  if (value == 32) return v128.load(THIRTY_TWOS);
  if (value == 43) return v128.load(FORTY_THREES);
  if (value == 62) return v128.load(SIXTY_TWOS);
  return v128.load(FORTY_EIGHTS);
}

/** Low four bits of each byte. */
// @ts-ignore: decorator
@inline export function lowNibbles(q: v128): v128 { return v128.and(q, everyByte(15)); }

/** High four bits of each byte. */
// @ts-ignore: decorator
@inline export function highNibbles(q: v128): v128 { return v128.and(i16x8.shr_u(q, 4), everyByte(15)); }

/** Nibbles of the first eight bytes, the low one of each first, as sixteen bytes. */
// @ts-ignore: decorator
@inline export function nibblesInOrder(q: v128): v128 {
  return v128.shuffle<i8>(lowNibbles(q), highNibbles(q), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/**
 * Bits of each byte that `mask` keeps after a shift to the right by the constant `right` (left when negative). The mask
 * must hide what crosses from byte to byte.
 */
// @ts-ignore: decorator
@inline export function bitField(q: v128, right: i32, mask: i32): v128 {
  if (right == 0) return v128.and(q, everyByte(mask));
  if (right < 0) return v128.and(i16x8.shl(q, -right), everyByte(mask));
  return v128.and(i16x8.shr_u(q, right), everyByte(mask));
}

/** Sixteen bits at `address` → sixteen bytes, `value` where the bit is set and 0 elsewhere. */
// @ts-ignore: decorator
@inline export function bitsToBytes(address: usize, value: i32): v128 {
  const spread = lookUp(v128.load16_splat(address), v128.load(BIT_BYTE));
  const masks = v128.load(BIT_MASK);
  return v128.and(i8x16.eq(v128.and(spread, masks), masks), everyByte(value));
}

/** table[index] for indices 0 … 15. */
// @ts-ignore: decorator
@inline export function lookUp(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index);
  return i8x16.swizzle(table, index);
}

/** Unsigned bytes 4g … 4g + 3 (g constant) → f32x4. */
// @ts-ignore: decorator
@inline export function bytesToFloats(q: v128, g: i32): v128 {
  return shortsToFloats(g < 2 ? i16x8.extend_low_i8x16_u(q) : i16x8.extend_high_i8x16_u(q), g & 1);
}

/** Signed bytes 4g … 4g + 3 (g constant) → f32x4. */
// @ts-ignore: decorator
@inline export function signedBytesToFloats(q: v128, g: i32): v128 {
  return shortsToFloats(g < 2 ? i16x8.extend_low_i8x16_s(q) : i16x8.extend_high_i8x16_s(q), g & 1);
}

/** Signed 16-bit integers 4g … 4g + 3 (g constant) → f32x4. */
// @ts-ignore: decorator
@inline export function shortsToFloats(q: v128, g: i32): v128 {
  return f32x4.convert_i32x4_s(g == 0 ? i32x4.extend_low_i16x8_s(q) : i32x4.extend_high_i16x8_s(q));
}

/** Σ over lanes of each of four i32x4 → [Σa, Σb, Σc, Σd]. */
// @ts-ignore: decorator
@inline export function sumsOfFour(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}
