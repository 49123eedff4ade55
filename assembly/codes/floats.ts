import { halfOf, halves } from '../packed/half';

/** Codes that are floats of 16 bits. */

/** values = sums of `components` ≤ 3 bfloat16 each, in float64 from 0 on, the last first, rounded once. */
export function bfloatSums(from: usize, components: i32, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    const upper = i32x4.splat(0xffff0000);
    if (components == 2) {
      // a sum of two float32 in float64, rounded to float32, is their sum in float32
      for (; i + 4 <= count; i += 4, from += 16, to += 16) {
        const pair = v128.load(from);
        v128.store(to, f32x4.add(f32x4.add(zero, v128.and(pair, upper)), i32x4.shl(pair, 16)));
      }
    } else if (components == 3) {
      for (; i + 5 <= count; i += 4, from += 24, to += 16) {
        // eight bytes of each value, two of them the next one's
        const a = v128.load64_lane(from + 6, v128.load64_zero(from), 1);
        const b = v128.load64_lane(from + 18, v128.load64_zero(from + 12), 1);
        const pairs = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
        const first = i32x4.shl(pairs, 16);
        const second = v128.and(pairs, upper);
        const third = f32x4.add(zero, i32x4.shl(v128.shuffle<i32>(a, b, 1, 3, 5, 7), 16));
        const low = sumOfThree(first, second, third);
        const high = sumOfThree(upperLanes(first), upperLanes(second), upperLanes(third));
        v128.store(to, v128.shuffle<i64>(low, high, 0, 2));
      }
    }
  }
  for (; i < count; i++, from += 2 * components, to += 4) {
    let sum: f64 = 0;
    for (let k = components - 1; k >= 0; k--) sum += <f64>reinterpret<f32>(<u32>load<u16>(from + 2 * k) << 16);
    store<f32>(to, <f32>sum);
  }
}

// @ts-ignore: decorator
@inline function upperLanes(x: v128): v128 { return v128.shuffle<i64>(x, x, 1, 1); }

/** Lanes 0 and 1. */
// @ts-ignore: decorator
@inline function sumOfThree(first: v128, second: v128, third: v128): v128 {
  const lower = f64x2.add(f64x2.promote_low_f32x4(third), f64x2.promote_low_f32x4(second));
  return f32x4.demote_f64x2_zero(f64x2.add(lower, f64x2.promote_low_f32x4(first)));
}

/** values = scale · binary16 below 2 whose bit 14 is a copy of the sign; 0 where the two differ. */
export function doubleSigned(from: usize, scale: f32, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = i32x4.splat(0);
    const scales = f32x4.splat(scale);
    const kept = i16x8.splat(<i16>0xbfff);
    for (; i + 8 <= count; i += 8, to += 32) {
      const q = v128.load(from + 2 * i);
      const differ = i16x8.shr_s(v128.xor(q, i16x8.shl(q, 1)), 15);
      const h = v128.andnot(v128.and(q, kept), differ);
      v128.store(to, f32x4.mul(scales, halves(v128.shuffle<i16>(zero, h, 0, 8, 1, 9, 2, 10, 3, 11))));
      v128.store(to, f32x4.mul(scales, halves(v128.shuffle<i16>(zero, h, 4, 12, 5, 13, 6, 14, 7, 15))), 16);
    }
  }
  for (; i < count; i++, to += 4) {
    const q = <u32>load<u16>(from + 2 * i);
    store<f32>(to, scale * (((q ^ (q << 1)) & 0x8000) == 0 ? halfOf(q & 0xbfff) : 0));
  }
}
