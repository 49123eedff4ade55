import { lookUp, shortsToFloats } from '../packed/bits';

/** values = scale·level of `count` codes, one byte each. A loop per kind of level. */

/** values = scale · the float32 at four addresses. */
// @ts-ignore: decorator
@inline export function putFour(to: usize, a: usize, b: usize, c: usize, d: usize, scale: f32): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, f32x4.mul(f32x4.splat(scale), fourAt(a, b, c, d)));
  } else {
    store<f32>(to, scale * load<f32>(a));
    store<f32>(to, scale * load<f32>(b), 4);
    store<f32>(to, scale * load<f32>(c), 8);
    store<f32>(to, scale * load<f32>(d), 12);
  }
}

/** The float32 at four addresses. */
// @ts-ignore: decorator
@inline function fourAt(a: usize, b: usize, c: usize, d: usize): v128 {
  let x = v128.load32_zero(a);
  x = v128.load_lane<u32>(b, x, 1);
  x = v128.load_lane<u32>(c, x, 2);
  return v128.load_lane<u32>(d, x, 3);
}

/** Sixteen codes of 16 − shift bits, one a byte. */
// @ts-ignore: decorator
@inline export function sixteenIntegers(q: v128, shift: i32, steps: v128, scales: v128, to: usize): void {
  const low = i16x8.shr_s(i16x8.shl(i16x8.extend_low_i8x16_u(q), shift), shift);
  const high = i16x8.shr_s(i16x8.shl(i16x8.extend_high_i8x16_u(q), shift), shift);
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(low, 0))));
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(low, 1))), 16);
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(high, 0))), 32);
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(high, 1))), 48);
}

/** Eight codes with their signs. */
// @ts-ignore: decorator
@inline export function eightIntegers(q: v128, steps: v128, scales: v128, to: usize): void {
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(q, 0))));
  v128.store(to, f32x4.mul(scales, f32x4.mul(steps, shortsToFloats(q, 1))), 16);
}

/** level = step·code, codes of `bits` ≤ 8 bits in two's complement. */
export function bytesToIntegers(codes: usize, bits: i32, step: f32, scale: f32, to: usize, count: i32): void {
  const shift = 16 - bits; // vectors have no shifts of bytes in hardware
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const steps = f32x4.splat(step);
    const scales = f32x4.splat(scale);
    for (; i + 16 <= count; i += 16) {
      sixteenIntegers(v128.load(codes + i), shift, steps, scales, to);
      to += 64;
    }
  }
  for (; i < count; i++, to += 4) {
    store<f32>(to, scale * (step * <f32>((<i32>load<u8>(codes + i) << (16 + shift)) >> (16 + shift))));
  }
}

/** The same for codes of 16 bits, signs extended. */
export function shortsToIntegers(codes: usize, step: f32, scale: f32, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const steps = f32x4.splat(step);
    const scales = f32x4.splat(scale);
    for (; i + 8 <= count; i += 8) {
      eightIntegers(v128.load(codes + 2 * i), steps, scales, to);
      to += 32;
    }
  }
  for (; i < count; i++, to += 4) store<f32>(to, scale * (step * <f32>load<i16>(codes + 2 * i)));
}

/** level = code − zero. */
export function bytesLessZero(codes: usize, zero: i32, scale: f32, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const zeros = i16x8.splat(<i16>zero);
    const scales = f32x4.splat(scale);
    for (; i + 16 <= count; i += 16) {
      const q = v128.load(codes + i);
      const low = i16x8.sub(i16x8.extend_low_i8x16_u(q), zeros);
      const high = i16x8.sub(i16x8.extend_high_i8x16_u(q), zeros);
      v128.store(to, f32x4.mul(scales, shortsToFloats(low, 0)));
      v128.store(to, f32x4.mul(scales, shortsToFloats(low, 1)), 16);
      v128.store(to, f32x4.mul(scales, shortsToFloats(high, 0)), 32);
      v128.store(to, f32x4.mul(scales, shortsToFloats(high, 1)), 48);
      to += 64;
    }
  }
  for (; i < count; i++, to += 4) store<f32>(to, scale * <f32>(<i32>load<u8>(codes + i) - zero));
}

/** level = table[code], f32 [size]. */
export function bytesToLevels(codes: usize, table: usize, scale: f32, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const scales = f32x4.splat(scale);
    for (; i + 4 <= count; i += 4) {
      const x = fourAt(
        table + (<usize>load<u8>(codes + i) << 2),
        table + (<usize>load<u8>(codes + i, 1) << 2),
        table + (<usize>load<u8>(codes + i, 2) << 2),
        table + (<usize>load<u8>(codes + i, 3) << 2),
      );
      v128.store(to, f32x4.mul(scales, x));
      to += 16;
    }
  }
  for (; i < count; i++, to += 4) {
    store<f32>(to, scale * load<f32>(table + (<usize>load<u8>(codes + i) << 2)));
  }
}

/** Bytes of the vectors that `prepareLevels` leaves. */
export const LEVEL_PLANES: usize = 64;

/** Sixteen levels as four vectors: vector k holds byte k of every level. */
export function prepareLevels(table: usize, planes: usize): void {
  const a = v128.load(table);
  const b = v128.load(table, 16);
  const c = v128.load(table, 32);
  const d = v128.load(table, 48);
  const ab0 = v128.shuffle<i8>(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const cd0 = v128.shuffle<i8>(c, d, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const ab2 = v128.shuffle<i8>(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  const cd2 = v128.shuffle<i8>(c, d, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  v128.store(planes, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(planes, v128.shuffle<i64>(ab0, cd0, 1, 3), 16);
  v128.store(planes, v128.shuffle<i64>(ab2, cd2, 0, 2), 32);
  v128.store(planes, v128.shuffle<i64>(ab2, cd2, 1, 3), 48);
}

/** Sixteen codes, one a byte. */
// @ts-ignore: decorator
@inline export function sixteenLevels(planes: usize, q: v128, scales: v128, to: usize): void {
  const b0 = lookUp(v128.load(planes), q);
  const b1 = lookUp(v128.load(planes, 16), q);
  const b2 = lookUp(v128.load(planes, 32), q);
  const b3 = lookUp(v128.load(planes, 48), q);
  let low = v128.shuffle<i8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  let high = v128.shuffle<i8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  v128.store(to, f32x4.mul(scales, v128.shuffle<i16>(low, high, 0, 8, 1, 9, 2, 10, 3, 11)));
  v128.store(to, f32x4.mul(scales, v128.shuffle<i16>(low, high, 4, 12, 5, 13, 6, 14, 7, 15)), 16);
  low = v128.shuffle<i8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  high = v128.shuffle<i8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(to, f32x4.mul(scales, v128.shuffle<i16>(low, high, 0, 8, 1, 9, 2, 10, 3, 11)), 32);
  v128.store(to, f32x4.mul(scales, v128.shuffle<i16>(low, high, 4, 12, 5, 13, 6, 14, 7, 15)), 48);
}

/** `bytesToLevels` for tables of 16 levels. @param planes what `prepareLevels` left */
export function bytesToFewLevels(codes: usize, table: usize, planes: usize, scale: f32, to: usize, count: i32): void {
  const scales = f32x4.splat(scale);
  let i = 0;
  for (; i + 16 <= count; i += 16, to += 64) sixteenLevels(planes, v128.load(codes + i), scales, to);
  if (i < count) bytesToLevels(codes + i, table, scale, to, count - i);
}
