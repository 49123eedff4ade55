import { shareStart } from '../share';

/*
 * Activations x[m, k] rounded to int8, 32 values per scale, in one buffer (see `activationBytes` on the host):
 *
 *   codes    i8  [m, k]        nearest(x / scale), -127 … 127
 *   wide     relaxed build: i8 [m, k] max(code, 0), then i8 [m, k] max(−code, 0), the two 7-bit operands that
 *            relaxed dot products of signed weights need; other builds: i16 [m, k] codes
 *   scale    f32 [m, k / sub]  max|x| / 127, repeated when sub = 16
 *   sum      i32 [m, k / sub]  Σ codes
 *   product  f32 [m, k / sub]  scale · sum
 */

// @ts-ignore: decorator
@inline export function wideAt(base: usize, m: i32, k: i32): usize { return base + <usize>m * k; }
// @ts-ignore: decorator
@inline export function scaleAt(base: usize, m: i32, k: i32): usize { return base + 3 * <usize>m * k; }
// @ts-ignore: decorator
@inline export function sumAt(base: usize, m: i32, k: i32, sub: i32): usize {
  return scaleAt(base, m, k) + 4 * <usize>m * (k / sub);
}
// @ts-ignore: decorator
@inline export function productAt(base: usize, m: i32, k: i32, sub: i32): usize {
  return scaleAt(base, m, k) + 8 * <usize>m * (k / sub);
}

/** Below this, 127/max overflows or loses digits; such values count as zero. */
const TINY: f32 = 1e-30;

/**
 * Rounds x[m, k] (k % 32 = 0) into the layout above; `sub` is 16 or 32. NaN or Inf among 32 values makes their scale
 * NaN, and with it every output of that row.
 */
export function quantizeActivations(x: usize, base: usize, m: i32, k: i32, sub: i32, ith: i32, nth: i32): void {
  const blocks = m * (k >> 5);
  const end = shareStart(blocks, 8, ith + 1, nth);
  const wide = wideAt(base, m, k);
  const scales = scaleAt(base, m, k);
  const sums = sumAt(base, m, k, sub);
  const products = productAt(base, m, k, sub);
  for (let b = shareStart(blocks, 8, ith, nth); b < end; b++) {
    const from = x + <usize>b * 128;
    const amax = maximum32(from);
    const scale: f32 = amax < Infinity ? (amax >= TINY ? amax / 127 : 0) : NaN;
    const inverse: f32 = amax >= TINY ? 127 / amax : 0;
    const at = <usize>b * 32;
    for (let h: usize = 0; h < 2; h++) {
      const start = at + 16 * h;
      const sum = round16(from + 64 * h, inverse, base + start, wide, start, <usize>m * k);
      if (sub == 16) {
        const i = <usize>(2 * b + <i32>h) << 2;
        store<f32>(scales + i, scale);
        store<i32>(sums + i, sum);
        store<f32>(products + i, scale * <f32>sum);
      } else {
        const i = <usize>b << 2;
        const total = h == 0 ? sum : load<i32>(sums + i) + sum;
        store<f32>(scales + i, scale);
        store<i32>(sums + i, total);
        store<f32>(products + i, scale * <f32>total);
      }
    }
  }
}

/** max|x| of 32 values; NaN when one is NaN. */
function maximum32(x: usize): f32 {
  if (ASC_FEATURE_SIMD) {
    let a = f32x4.abs(v128.load(x));
    for (let i: usize = 16; i < 128; i += 16) a = f32x4.max(a, f32x4.abs(v128.load(x + i)));
    a = f32x4.max(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
    return max(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1));
  } else {
    let a: f32 = 0;
    for (let i: usize = 0; i < 128; i += 4) a = max(a, abs(load<f32>(x + i)));
    return a;
  }
}

/** Writes 16 codes and their wide forms, returns their sum. */
// @ts-ignore: decorator
@inline function round16(x: usize, inverse: f32, codes: usize, wide: usize, start: usize, all: usize): i32 {
  if (ASC_FEATURE_SIMD) {
    const factor = f32x4.splat(inverse);
    const a = nearestInteger(f32x4.mul(v128.load(x), factor));
    const b = nearestInteger(f32x4.mul(v128.load(x, 16), factor));
    const c = nearestInteger(f32x4.mul(v128.load(x, 32), factor));
    const d = nearestInteger(f32x4.mul(v128.load(x, 48), factor));
    const low = i16x8.narrow_i32x4_s(a, b);
    const high = i16x8.narrow_i32x4_s(c, d);
    const q = i8x16.narrow_i16x8_s(low, high);
    v128.store(codes, q);
    if (ASC_FEATURE_RELAXED_SIMD) {
      const positive = i8x16.max_s(q, i8x16.splat(0));
      v128.store(wide + start, positive);
      v128.store(wide + all + start, i8x16.sub(positive, q));
    } else {
      v128.store(wide + 2 * start, low);
      v128.store(wide + 2 * start, high, 16);
    }
    const s = i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
    return i32x4.extract_lane(s, 0) + i32x4.extract_lane(s, 1) + i32x4.extract_lane(s, 2) + i32x4.extract_lane(s, 3);
  } else {
    let sum = 0;
    for (let i: usize = 0; i < 16; i++) {
      const q = <i32>nearest(load<f32>(x + 4 * i) * inverse);
      store<i8>(codes + i, <i8>q);
      store<i16>(wide + 2 * (start + i), <i16>q);
      sum += q;
    }
    return sum;
  }
}

/** Nearest integer, ties to even, of |x| < 2^22: adding 1.5·2^23 leaves it in the low bits of the mantissa. */
// @ts-ignore: decorator
@inline function nearestInteger(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}
