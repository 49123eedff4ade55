/**
 * Decoding of the 16-bit and 8-bit floats that block scales are stored in. Vectors of scales read infinite ones as 2^16 and
 * up; single ones, which decoding uses, read Inf and NaN.
 */

/*
 * Vector constants stand in memory: V8 builds a constant in three instructions each time it is used in a loop, but
 * loads it in one.
 */
// @ts-ignore: decorator
@lazy const MAGNITUDE: usize = memory.data<u32>([0x7fff0000, 0x7fff0000, 0x7fff0000, 0x7fff0000], 16);
/** 112 · 2^23: what the exponent of a binary16 lacks to that of an f32. */
// @ts-ignore: decorator
@lazy const REBIAS: usize = memory.data<u32>([0x38000000, 0x38000000, 0x38000000, 0x38000000], 16);
/** 2^-14, the smallest normal binary16. */
// @ts-ignore: decorator
@lazy const SMALLEST_NORMAL: usize = memory.data<u32>([0x38800000, 0x38800000, 0x38800000, 0x38800000], 16);

/**
 * Four IEEE binary16 in the high halves of 32-bit lanes → f32x4. With a binary16's exponent rebiased, subnormals come
 * out as n = 2^-15·(1 + t) where 2^-14·t is meant, which is n + (n − 2^-14). No f32 subnormal is touched on the way:
 * they are a slow path on some processors, and small scales are common.
 */
// @ts-ignore: decorator
@inline export function halves(h: v128): v128 {
  const magnitude = v128.and(h, v128.load(MAGNITUDE));
  const n = i32x4.add(i32x4.shr_u(magnitude, 3), v128.load(REBIAS));
  const lack = f32x4.pmin(f32x4.sub(n, v128.load(SMALLEST_NORMAL)), f32x4.splat(0));
  return v128.or(f32x4.add(n, lack), v128.xor(h, magnitude));
}

/** `halves` with Inf and NaN as they are: their exponent is rebiased twice. */
// @ts-ignore: decorator
@inline export function trueHalves(h: v128): v128 {
  const special = i32x4.gt_s(v128.and(h, v128.load(MAGNITUDE)), i32x4.splat(0x7bff0000));
  return i32x4.add(halves(h), v128.and(special, v128.load(REBIAS)));
}

/** IEEE binary16 at `address`. */
// @ts-ignore: decorator
@inline export function half(address: usize): f32 { return halfOf(load<u16>(address)); }

/** IEEE binary16 of 16 bits; the exponent of Inf and NaN is rebiased twice. */
// @ts-ignore: decorator
@inline export function halfOf(h: u32): f32 {
  const rebias: u32 = (h & 0x7c00) == 0x7c00 ? 0x70000000 : 0x38000000;
  const n = reinterpret<f32>(((h & 0x7fff) << 13) + rebias);
  const lack = n - reinterpret<f32>(0x38800000);
  return reinterpret<f32>(reinterpret<u32>(n + (lack < 0 ? lack : 0)) | ((h & 0x8000) << 16));
}

/** The binary16 at four addresses → f32x4. */
// @ts-ignore: decorator
@inline export function halvesAt(a: usize, b: usize, c: usize, d: usize): v128 {
  let h = i32x4.splat(0);
  h = v128.load_lane<u16>(a, h, 1);
  h = v128.load_lane<u16>(b, h, 3);
  h = v128.load_lane<u16>(c, h, 5);
  h = v128.load_lane<u16>(d, h, 7);
  return halves(h);
}

/** The binary16 at `address` → lane 0. */
// @ts-ignore: decorator
@inline export function halfInVector(address: usize): v128 {
  return halves(v128.load_lane<u16>(address, i32x4.splat(0), 1));
}

/** Two consecutive binary16 → lanes 0 and 1. */
// @ts-ignore: decorator
@inline export function halvesPair(address: usize): v128 {
  return halves(v128.shuffle<i16>(i32x4.splat(0), v128.load32_zero(address), 0, 8, 1, 9, 2, 10, 3, 11));
}

/** The bytes at four addresses → i32x4. */
// @ts-ignore: decorator
@inline function bytesAt(a: usize, b: usize, c: usize, d: usize): v128 {
  let x = i32x4.splat(0);
  x = v128.load_lane<u8>(a, x, 0);
  x = v128.load_lane<u8>(b, x, 4);
  x = v128.load_lane<u8>(c, x, 8);
  return v128.load_lane<u8>(d, x, 12);
}

/** 2^(e − 128) for e = 0 … 255, the scale of MXFP4 halved: its code table holds doubled values. */
// @ts-ignore: decorator
@inline export function halfPowerOfTwo(e: i32): f32 {
  return reinterpret<f32>(max<i32>((e - 1) << 23, (e + 1) << 21));
}

/** The same of the bytes at four addresses. */
// @ts-ignore: decorator
@inline export function halfPowersOfTwo(a: usize, b: usize, c: usize, d: usize): v128 {
  const e = bytesAt(a, b, c, d);
  const one = i32x4.splat(1);
  return i32x4.max_s(i32x4.shl(i32x4.sub(e, one), 23), i32x4.shl(i32x4.add(e, one), 21));
}

/** 2^-7, half of the smallest normal E4M3. */
const HALF_SMALLEST_E4M3: u32 = 0x3c000000;

/** Half of an E4M3 without its sign: subnormals as in `halves`. The code 127, NaN, counts as 0; 255 is read as 480. */
// @ts-ignore: decorator
@inline export function halfE4M3(code: u32): f32 {
  const n = reinterpret<f32>(((code & 127) << 20) + 0x3b800000);
  const lack = n - reinterpret<f32>(HALF_SMALLEST_E4M3);
  return code == 127 ? 0 : n + (lack < 0 ? lack : 0);
}

/** The same of the bytes at four addresses. */
// @ts-ignore: decorator
@inline export function halfE4M3s(a: usize, b: usize, c: usize, d: usize): v128 {
  const code = bytesAt(a, b, c, d);
  const magnitude = v128.and(code, i32x4.splat(127));
  const n = i32x4.add(i32x4.shl(magnitude, 20), i32x4.splat(0x3b800000));
  const lack = f32x4.pmin(f32x4.sub(n, i32x4.splat(HALF_SMALLEST_E4M3)), f32x4.splat(0));
  return v128.andnot(f32x4.add(n, lack), i32x4.eq(code, i32x4.splat(127)));
}
