import { lookUp } from '../packed/bits';

/*
 * Codes that are fields of bits, the first in the lowest, to one byte each, or to 16 bits with their sign when they have
 * more than 8. Eight codes of b bits fill b bytes; a vector moves the bytes of each code to its lane, brings its highest bit
 * to the top by a multiplication, and shifts it down.
 */

/** Vectors that `prepareFields` leaves at an address: [4, 16] bytes. */
export const FIELDS_BYTES: usize = 64;

/** For codes of `bits` bits: which bytes a lane takes and what it is multiplied by, for eight codes. */
export function prepareFields(at: usize, bits: i32): void {
  const wide = bits > 8;
  for (let i = 0; i < 8; i++) {
    const first = i * bits;
    if (wide) {
      for (let k = 0; k < 4; k++) store<u8>(at + 4 * i + k, (first >> 3) + k < 16 ? (first >> 3) + k : 255);
      store<u32>(at + 32 + 4 * i, 1 << (32 - bits - (first & 7)));
    } else {
      store<u8>(at + 2 * i, first >> 3);
      store<u8>(at + 2 * i + 1, (first >> 3) + 1);
      store<u16>(at + 32 + 2 * i, <u16>1 << <u16>(16 - bits - (first & 7)));
    }
  }
}

/**
 * @param from first byte of the codes, `end` the first byte that must not be read
 * @param to u8 [count], or i16 when bits > 8; up to 16 bytes more are overwritten
 */
export function unpackFields(fields: usize, bits: i32, from: usize, end: usize, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    if (bits <= 8) {
      // Whole vectors are stored: a load over two stores would wait for both.
      for (; i + 16 <= count && from + bits + 16 <= end; i += 16, from += 2 * bits) {
        v128.store(to + i, sixteenFields(fields, bits, from));
      }
    } else {
      for (; i + 8 <= count && from + 16 <= end; i += 8, from += bits) {
        v128.store(to + 2 * i, eightFields(fields, bits, from));
      }
    }
  }
  for (let bit = 0; i < count; i++, bit += bits) {
    if (bits <= 8) store<u8>(to + i, field(from, bit, bits));
    else store<i16>(to + 2 * i, (field(from, bit, bits) << (32 - bits)) >> (32 - bits));
  }
}

/** Sixteen codes of at most 8 bits, one a byte; bits + 16 bytes are read. */
// @ts-ignore: decorator
@inline export function sixteenFields(fields: usize, bits: i32, from: usize): v128 {
  const bytes = v128.load(fields);
  const factors = v128.load(fields, 32);
  const low = i16x8.mul(lookUp(v128.load(from), bytes), factors);
  const high = i16x8.mul(lookUp(v128.load(from + bits), bytes), factors);
  return i8x16.narrow_i16x8_u(i16x8.shr_u(low, 16 - bits), i16x8.shr_u(high, 16 - bits));
}

/** Eight codes of more than 8 bits with their signs; 16 bytes are read. */
// @ts-ignore: decorator
@inline export function eightFields(fields: usize, bits: i32, from: usize): v128 {
  const q = v128.load(from);
  const low = i32x4.mul(i8x16.swizzle(q, v128.load(fields)), v128.load(fields, 32));
  const high = i32x4.mul(i8x16.swizzle(q, v128.load(fields, 16)), v128.load(fields, 48));
  return i16x8.narrow_i32x4_s(i32x4.shr_s(low, 32 - bits), i32x4.shr_s(high, 32 - bits));
}

// @ts-ignore: decorator
@inline function field(from: usize, bit: i32, bits: i32): i32 {
  const at = from + (bit >> 3);
  const shift = bit & 7;
  let word = <i32>load<u8>(at);
  if (shift + bits > 8) word |= <i32>load<u8>(at, 1) << 8;
  if (shift + bits > 16) word |= <i32>load<u8>(at, 2) << 16;
  return (word >> shift) & ((1 << bits) - 1);
}

/** lower[count] |= upper[count] << bits, as far as whole vectors go beyond. */
export function joinFields(lower: usize, upper: usize, bits: i32, count: i32): void {
  for (let i = 0; i < count; i += 8) {
    store<u64>(lower + i, load<u64>(lower + i) | (load<u64>(upper + i) << bits)); // no bit leaves its byte
  }
}

/** Codes of bytes that hold several: table u8 [256, 8]. Up to 8 bytes more than `count` are overwritten. */
export function unpackBytes(table: usize, perByte: i32, from: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i += perByte) store<u64>(to + i, load<u64>(table + (<usize>load<u8>(from++) << 3)));
}

/** Bits of `planes` planes as numbers, plane 0 having the lowest; up to 16 bytes more are overwritten. SIMD only. */
export function unpackBitPlanes(from: usize, planeBytes: usize, planes: i32, to: usize, count: i32): void {
  const bytes = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const masks = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const highest = from + planeBytes * <usize>(planes - 1);
  for (let i: usize = 0; i < <usize>count; i += 16) {
    let codes = i8x16.splat(0);
    for (let plane = highest; plane >= from; plane -= planeBytes) {
      const bits = v128.and(i8x16.swizzle(v128.load16_splat(plane + (i >> 3)), bytes), masks);
      codes = i8x16.sub(i8x16.add(codes, codes), i8x16.eq(bits, masks));
    }
    v128.store(to + i, codes);
  }
}

/** codes += factor·digits of `count` values; up to 16 bytes more are overwritten. */
export function addDigits(codes: usize, digits: usize, factor: i32, count: i32): void {
  if (ASC_FEATURE_SIMD) {
    // No lane of 8 bits reaches its neighbour, so that a multiplication of 16 bits does for two.
    const factors = i16x8.splat(<i16>factor);
    for (let i = 0; i < count; i += 16) {
      const q = i16x8.mul(v128.load(digits + i), factors);
      v128.store(codes + i, i8x16.add(v128.load(codes + i), q));
    }
  } else {
    for (let i = 0; i < count; i++) store<u8>(codes + i, load<u8>(codes + i) + <u8>factor * load<u8>(digits + i));
  }
}
