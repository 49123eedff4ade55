import { packFields } from './codes/pack';
import { scratch, shareStart } from './share';

/*
 * Casts of float32 to floats of fewer bits, ties to even, by integers: a magnitude whose exponent is rebiased is a code and
 * the bits to round off. Below the smallest exponent codes are multiples of one step: added to a number whose last place is
 * that step, a magnitude is rounded to it.
 */

/** Filled in by src/kernels/wasm/cast.ts in this order. */
@unmanaged class Cast {
  bits: i32;
  mantissaBits: i32;
  /** 127 − bias, as exponent of a float32 */
  rebias: i32;
  /** The smallest normal magnitude. */
  smallest: i32;
  /** 2^23 steps of the smallest exponent. */
  steps: i32;
  largest: i32;
  overflow: i32;
  nan: i32;
  nanKeeps: i32;
  /** −1 where −0 is a code, else 0. */
  hasMinusZero: i32;
  /** Just below half of what is rounded off. */
  belowHalf: i32;
  signBit: i32;
}

const MAGNITUDE: i32 = 0x7fffffff;
const INFINITE: i32 = 0x7f800000;
/** Values whose codes are packed at a time: whole bytes of any width. */
const CHUNK: i32 = 1024;

/** bytes = codes of values [count], `Cast.bits` bits each, the first in the lowest. */
export function castFloats(cast: usize, values: usize, bytes: usize, count: i32, ith: i32, nth: i32): void {
  const c = changetype<Cast>(cast);
  const end = shareStart(count, CHUNK, ith + 1, nth);
  for (let i = shareStart(count, CHUNK, ith, nth); i < end; i += CHUNK) {
    const some = min(CHUNK, end - i);
    const from = values + (<usize>i << 2);
    const to = bytes + <usize>((<u64>i * c.bits) >> 3);
    if (c.bits > 8) {
      castShorts(c, from, to, some);
    } else {
      castBytes(c, from, scratch, some);
      packFields(scratch, c.bits, some, to);
    }
  }
}

function castShorts(c: Cast, from: usize, to: usize, count: i32): void {
  // shifts by constants are faster
  if (c.mantissaBits == 10) shorts(c, 13, from, to, count);
  else if (c.mantissaBits == 7) shorts(c, 16, from, to, count);
  else shorts(c, 23 - c.mantissaBits, from, to, count);
}

// @ts-ignore: decorator
@inline function shorts(c: Cast, shift: i32, from: usize, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 8 <= count; i += 8) {
      const at = from + 4 * i;
      v128.store(to + 2 * i, i16x8.narrow_i32x4_u(fourCodes(c, shift, 16, at), fourCodes(c, shift, 16, at + 16)));
    }
  }
  for (; i < count; i++) store<u16>(to + 2 * i, oneCode(c, load<i32>(from + 4 * i)));
}

function castBytes(c: Cast, from: usize, to: usize, count: i32): void {
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const shift = 23 - c.mantissaBits;
    const unused = 32 - c.bits;
    for (; i + 16 <= count; i += 16) {
      const at = from + 4 * i;
      const low = i16x8.narrow_i32x4_u(fourCodes(c, shift, unused, at), fourCodes(c, shift, unused, at + 16));
      const high = i16x8.narrow_i32x4_u(fourCodes(c, shift, unused, at + 32), fourCodes(c, shift, unused, at + 48));
      v128.store(to + i, i8x16.narrow_i16x8_u(low, high));
    }
  }
  for (; i < count; i++) store<u8>(to + i, oneCode(c, load<i32>(from + 4 * i)));
}

/** A field of a cast in every lane. */
// @ts-ignore: decorator
@inline function every(c: Cast, field: usize): v128 { return v128.load32_splat(changetype<usize>(c) + field); }

/** @param shift bits of a float32's mantissa that are rounded off @param unused bits that a code has less than it */
// @ts-ignore: decorator
@inline function fourCodes(c: Cast, shift: i32, unused: i32, at: usize): v128 {
  const x = v128.load(at);
  const magnitude = v128.and(x, i32x4.splat(MAGNITUDE));
  const n = i32x4.sub(magnitude, every(c, offsetof<Cast>('rebias')));
  const isOdd = v128.and(i32x4.shr_u(n, shift), i32x4.splat(1));
  const normal = i32x4.shr_s(i32x4.add(i32x4.add(n, isOdd), every(c, offsetof<Cast>('belowHalf'))), shift);
  const step = every(c, offsetof<Cast>('steps'));
  const small = i32x4.sub(f32x4.add(magnitude, step), step);
  let code = v128.bitselect(small, normal, i32x4.lt_s(magnitude, every(c, offsetof<Cast>('smallest'))));
  const overflows = i32x4.gt_s(code, every(c, offsetof<Cast>('largest')));
  code = v128.bitselect(every(c, offsetof<Cast>('overflow')), code, overflows);
  const upper = i32x4.shr_u(x, unused);
  const isSigned = v128.or(every(c, offsetof<Cast>('hasMinusZero')), i32x4.ne(code, i32x4.splat(0)));
  code = v128.or(code, v128.and(v128.and(upper, every(c, offsetof<Cast>('signBit'))), isSigned));
  const nan = v128.or(every(c, offsetof<Cast>('nan')), v128.and(upper, every(c, offsetof<Cast>('nanKeeps'))));
  return v128.bitselect(nan, code, i32x4.gt_s(magnitude, i32x4.splat(INFINITE)));
}

// @ts-ignore: decorator
@inline function oneCode(c: Cast, x: i32): i32 {
  const magnitude = x & MAGNITUDE;
  const upper = <i32>(<u32>x >> (32 - c.bits));
  if (magnitude > INFINITE) return c.nan | (upper & c.nanKeeps);
  const shift = 23 - c.mantissaBits;
  const n = magnitude - c.rebias;
  let code = (n + ((n >> shift) & 1) + c.belowHalf) >> shift;
  if (magnitude < c.smallest) {
    code = reinterpret<i32>(reinterpret<f32>(magnitude) + reinterpret<f32>(c.steps)) - c.steps;
  }
  if (code > c.largest) code = c.overflow;
  return code == 0 && c.hasMinusZero == 0 ? 0 : code | (upper & c.signBit);
}

/** The largest finite magnitude of a bfloat16. */
const LARGEST_BF16: i32 = 0x7f7f0000;
const QUIET_NAN: i32 = 0x7fc00000;

/** bytes = bfloat16 [count, components], each the nearest to what those before leave; `components` 2 or 3. */
export function castSums(values: usize, bytes: usize, components: i32, count: i32, ith: i32, nth: i32): void {
  const end = shareStart(count, 4, ith + 1, nth);
  let i = shareStart(count, 4, ith, nth);
  if (ASC_FEATURE_SIMD) {
    for (; i + 4 <= end; i += 4) fourSums(values + (<usize>i << 2), bytes + <usize>(2 * i) * components, components);
  }
  for (; i < end; i++) {
    const to = bytes + <usize>(2 * i) * components;
    let rest = load<i32>(values + (<usize>i << 2));
    for (let k = 0; k < components; k++) {
      const part = component(rest, k);
      store<u16>(to + 2 * k, <u16>(part >> 16));
      const isFinite = (rest & MAGNITUDE) < INFINITE;
      rest = isFinite ? reinterpret<i32>(reinterpret<f32>(rest) - reinterpret<f32>(part)) : 0;
    }
  }
}

/** The bfloat16 nearest to `rest`, as a float32; what is finite stays so, and a component of number k below 2^(128 − 8k). */
// @ts-ignore: decorator
@inline function component(rest: i32, k: i32): i32 {
  const magnitude = rest & MAGNITUDE;
  if (magnitude >= INFINITE) return magnitude > INFINITE ? QUIET_NAN : rest;
  const rounded = (magnitude + 0x7fff + ((magnitude >> 16) & 1)) & 0xffff0000;
  return min(rounded, LARGEST_BF16 - (k << 26)) | (rest & ~MAGNITUDE);
}

/** `component` of four finite rests. */
// @ts-ignore: decorator
@inline function fourComponents(rest: v128, k: i32): v128 {
  const magnitude = v128.and(rest, v128.load(MAGNITUDES));
  const isOdd = v128.and(i32x4.shr_u(magnitude, 16), v128.load(ONES));
  const rounded = v128.and(i32x4.add(i32x4.add(magnitude, isOdd), v128.load(BELOW_HALF)), v128.load(UPPER_HALVES));
  return v128.or(i32x4.min_s(rounded, v128.load(LARGEST + 16 * k)), v128.andnot(rest, v128.load(MAGNITUDES)));
}

// @ts-ignore: decorator
@inline function fourSums(from: usize, to: usize, components: i32): void {
  const x = v128.load(from);
  const magnitude = v128.and(x, v128.load(MAGNITUDES));
  const isFinite = i32x4.lt_s(magnitude, v128.load(INFINITES));
  const isNaN = i32x4.gt_s(magnitude, v128.load(INFINITES));
  const special = v128.bitselect(v128.load(QUIET_NANS), x, isNaN);
  const first = v128.bitselect(fourComponents(x, 0), special, isFinite);
  // what is left of a finite number is finite, of others nothing
  const rest = v128.and(f32x4.sub(x, first), isFinite);
  const second = fourComponents(rest, 1);
  const pairs = v128.or(i32x4.shr_u(first, 16), second);
  if (components == 2) {
    v128.store(to, pairs);
    return;
  }
  const third = i32x4.shr_u(fourComponents(f32x4.sub(rest, second), 2), 16);
  v128.store(to, i8x16.swizzle(pairs, v128.load(FIRST_PAIRS)));
  v128.store64_lane(to + 16, i8x16.swizzle(pairs, v128.load(LAST_PAIRS)), 0);
  v128.store_lane<u16>(to, third, 0, 4);
  v128.store_lane<u16>(to, third, 2, 10);
  v128.store_lane<u16>(to, third, 4, 16);
  v128.store_lane<u16>(to, third, 6, 22);
}
// Vector constants stand in memory, see packed/half.ts.
// @ts-ignore: decorator
@lazy const MAGNITUDES: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);
// @ts-ignore: decorator
@lazy const INFINITES: usize = memory.data<u32>([0x7f800000, 0x7f800000, 0x7f800000, 0x7f800000], 16);
// @ts-ignore: decorator
@lazy const QUIET_NANS: usize = memory.data<u32>([0x7fc00000, 0x7fc00000, 0x7fc00000, 0x7fc00000], 16);
// @ts-ignore: decorator
@lazy const UPPER_HALVES: usize = memory.data<u32>([0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000], 16);
// @ts-ignore: decorator
@lazy const BELOW_HALF: usize = memory.data<u32>([0x7fff, 0x7fff, 0x7fff, 0x7fff], 16);
// @ts-ignore: decorator
@lazy const ONES: usize = memory.data<u32>([1, 1, 1, 1], 16);
/** Largest magnitudes of the first, second and third component. */
// @ts-ignore: decorator
@lazy const LARGEST: usize = memory.data<u32>([
  0x7f7f0000, 0x7f7f0000, 0x7f7f0000, 0x7f7f0000, 0x7b7f0000, 0x7b7f0000, 0x7b7f0000, 0x7b7f0000,
  0x777f0000, 0x777f0000, 0x777f0000, 0x777f0000,
], 16);
// Places of two components of four values among three; 255 leaves a gap.
// @ts-ignore: decorator
@lazy const FIRST_PAIRS: usize = memory.data<u8>([0, 1, 2, 3, 255, 255, 4, 5, 6, 7, 255, 255, 8, 9, 10, 11], 16);
// @ts-ignore: decorator
@lazy const LAST_PAIRS: usize = memory.data<u8>([255, 255, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], 16);
