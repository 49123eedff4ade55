/** Decoding of the 16-bit and 8-bit floats that block scales are stored in. */

const TWO_POW_MINUS_24: f32 = 5.9604644775390625e-8;

/** IEEE binary16 at `address`. */
// @ts-ignore: decorator
@inline export function half(address: usize): f32 {
  const h = <u32>load<u16>(address);
  const m = h & 0x7fff;
  const sign = (h & 0x8000) << 16;
  // Subnormals by conversion: an f32 subnormal operand would be a slow path on some processors.
  if (m < 0x400) return reinterpret<f32>(reinterpret<u32>(<f32>m * TWO_POW_MINUS_24) | sign);
  return reinterpret<f32>(((m << 13) + (m >= 0x7c00 ? 224 << 23 : 112 << 23)) | sign);
}

/** Four IEEE binary16 in the low halves of 32-bit lanes → f32x4. */
// @ts-ignore: decorator
@inline export function halves(h: v128): v128 {
  const m = v128.and(h, i32x4.splat(0x7fff));
  const subnormal = f32x4.mul(f32x4.convert_i32x4_s(m), f32x4.splat(TWO_POW_MINUS_24));
  const infinite = v128.and(i32x4.gt_s(m, i32x4.splat(0x7bff)), i32x4.splat(112 << 23));
  const normal = i32x4.add(i32x4.add(i32x4.shl(m, 13), i32x4.splat(112 << 23)), infinite);
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  return v128.or(v128.bitselect(subnormal, normal, i32x4.lt_s(m, i32x4.splat(0x400))), sign);
}

/** The binary16 at four addresses → f32x4. */
// @ts-ignore: decorator
@inline export function halvesAt(a: usize, b: usize, c: usize, d: usize): v128 {
  let h = i32x4.splat(0);
  h = v128.load_lane<u16>(a, h, 0);
  h = v128.load_lane<u16>(b, h, 2);
  h = v128.load_lane<u16>(c, h, 4);
  h = v128.load_lane<u16>(d, h, 6);
  return halves(h);
}

/** Half of the power of two 2^(e − 127), as MXFP4 needs it: its code table holds doubled values. */
// @ts-ignore: decorator
@inline export function halfPowerOfTwo(e: u32): f32 {
  return reinterpret<f32>(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

/** Two consecutive binary16 → lanes 0 and 1. */
// @ts-ignore: decorator
@inline export function halvesPair(address: usize): v128 {
  return halves(i32x4.extend_low_i16x8_u(v128.load32_zero(address)));
}
