import { shareStart } from '../share';

/*
 * Activations x[m, k] rounded to int8: scale = max|x| / 127 per 32 values, code = nearest(x / scale). They lie in memory
 * as the kernels read them. `sub` is the sub-block of the weights' format (16 or 32); `extra` is, per sub-block, what
 * the format needs of the sum of codes: i32 −zero · Σ codes for formats with a zero point, else f32 scale · Σ codes.
 *
 * One row (m = 1; without SIMD every row):
 *   codes  i8 [k]
 *   wide   relaxed build: i8 [k] max(code, 0), then i8 [k] max(−code, 0), the 7-bit operands that signed weights need;
 *          SIMD build: i16 [k] codes
 *   scale  f32 [k / sub]
 *   extra  [k / sub]
 *
 * Tiles of `tileRows` rows (m > 1), the last filled up with zeros:
 *   operands  [k / step, 4, step], step = 4 codes of 8 bits (relaxed build) or 2 of 16 bits. The four are the codes of
 *             four rows; with `split`, the positive and the negative parts of two rows
 *   scale     f32 [k / sub, tileRows]
 *   extra     [k / sub, tileRows]
 */

// @ts-ignore: decorator
@inline export function wideAt(row: usize, k: i32): usize { return row + k; }
// @ts-ignore: decorator
@inline export function scaleAt(row: usize, k: i32): usize { return row + 3 * k; }
// @ts-ignore: decorator
@inline export function extraAt(row: usize, k: i32, sub: i32): usize { return scaleAt(row, k) + 4 * (k / sub); }
// @ts-ignore: decorator
@inline export function rowBytes(k: i32, sub: i32): usize { return <usize>(3 * k + 8 * (k / sub)); }

// @ts-ignore: decorator
@inline export function tileRows(split: bool): i32 { return split ? 2 : 4; }
// @ts-ignore: decorator
@inline export function tileScaleAt(tile: usize, k: i32): usize {
  return tile + (ASC_FEATURE_RELAXED_SIMD ? 4 * k : 8 * k);
}
// @ts-ignore: decorator
@inline export function tileExtraAt(tile: usize, k: i32, sub: i32, split: bool): usize {
  return tileScaleAt(tile, k) + 4 * tileRows(split) * (k / sub);
}
// @ts-ignore: decorator
@inline export function tileBytes(k: i32, sub: i32, split: bool): usize {
  return tileScaleAt(0, k) + 8 * tileRows(split) * (k / sub);
}

/** Below this, 127/max overflows; such values count as zero. */
const TINY: f32 = 1e-30;

/**
 * Rounds x[m, k] (k % 32 = 0) into the layout above. NaN or Inf among 32 values makes their scale NaN, and with it every
 * output of that row.
 * @param zero zero point of the weights' format, 0 for none
 * @param split whether the format's codes are signed and this build splits activations for them
 */
export function roundActivations(
  x: usize, to: usize, m: i32, k: i32, sub: i32, zero: i32, split: bool, ith: i32, nth: i32,
): void {
  const groups = k >> 5;
  const tiled = ASC_FEATURE_SIMD && m > 1;
  const rows = tiled ? (m + tileRows(split) - 1) / tileRows(split) * tileRows(split) : m;
  const end = shareStart(rows * groups, 8, ith + 1, nth);
  for (let i = shareStart(rows * groups, 8, ith, nth); i < end; i++) {
    const row = i / groups;
    const column = (i % groups) << 5;
    const from = x + ((<usize>row * k + column) << 2);
    const largest: f32 = row < m ? maximum32(from) : 0;
    const inverse: f32 = largest >= TINY ? 127 / largest : 0;
    const scale: f32 = largest < Infinity ? (largest >= TINY ? largest / 127 : 0) : NaN;
    if (tiled) {
      const slot = row % tileRows(split);
      const tile = to + <usize>(row / tileRows(split)) * tileBytes(k, sub, split);
      const first = row < m ? toTile(from, inverse, tile, column, slot, split) : 0;
      const second = row < m ? toTile(from + 64, inverse, tile, column + 16, slot, split) : 0;
      if (row >= m) clearSlots(tile, column, slot, split);
      const at = <usize>((column / sub) * tileRows(split) + slot) << 2;
      const next = <usize>tileRows(split) << 2;
      describe(tileScaleAt(tile, k) + at, tileExtraAt(tile, k, sub, split) + at, next, sub, zero, scale, first, second);
    } else {
      const line = to + <usize>row * rowBytes(k, sub);
      const first = toRow(from, inverse, line, column, k);
      const second = toRow(from + 64, inverse, line, column + 16, k);
      const at = <usize>(column / sub) << 2;
      describe(scaleAt(line, k) + at, extraAt(line, k, sub) + at, 4, sub, zero, scale, first, second);
    }
  }
}

/** Stores scale and extra of one group of 32, whose halves have code sums `first` and `second`. */
// @ts-ignore: decorator
@inline function describe(
  scales: usize, extras: usize, next: usize, sub: i32, zero: i32, scale: f32, first: i32, second: i32,
): void {
  store<f32>(scales, scale);
  if (sub == 32) {
    storeExtra(extras, zero, scale, first + second);
    return;
  }
  store<f32>(scales + next, scale);
  storeExtra(extras, zero, scale, first);
  storeExtra(extras + next, zero, scale, second);
}

// @ts-ignore: decorator
@inline function storeExtra(to: usize, zero: i32, scale: f32, sum: i32): void {
  if (zero != 0) store<i32>(to, -zero * sum);
  else store<f32>(to, scale * <f32>sum);
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

/** Codes of 16 values, in row layout; returns their sum. */
// @ts-ignore: decorator
@inline function toRow(x: usize, inverse: f32, row: usize, column: i32, k: i32): i32 {
  if (ASC_FEATURE_SIMD) {
    const q = codes(x, inverse);
    v128.store(row + column, q);
    const wide = wideAt(row, k);
    if (ASC_FEATURE_RELAXED_SIMD) {
      const positive = i8x16.max_s(q, i8x16.splat(0));
      v128.store(wide + column, positive);
      v128.store(wide + k + column, i8x16.sub(positive, q));
    } else {
      v128.store(wide + 2 * column, i16x8.extend_low_i8x16_s(q));
      v128.store(wide + 2 * column, i16x8.extend_high_i8x16_s(q), 16);
    }
    return sum(q);
  } else {
    let total = 0;
    for (let i: usize = 0; i < 16; i++) {
      const q = <i32>nearest(load<f32>(x + 4 * i) * inverse);
      store<i8>(row + column + i, <i8>q);
      total += q;
    }
    return total;
  }
}

/** Codes of 16 values, in tile layout; returns their sum. */
function toTile(x: usize, inverse: f32, tile: usize, column: i32, slot: i32, split: bool): i32 {
  const q = codes(x, inverse);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const to = tile + 4 * column;
    if (split) {
      const positive = i8x16.max_s(q, i8x16.splat(0));
      store4(to + 8 * slot, positive);
      store4(to + 8 * slot + 4, i8x16.sub(positive, q));
    } else {
      store4(to + 4 * slot, q);
    }
  } else {
    const to = tile + 8 * column + 4 * slot;
    store4(to, i16x8.extend_low_i8x16_s(q));
    store4(to + 64, i16x8.extend_high_i8x16_s(q));
  }
  return sum(q);
}

/** The 32 values of a slot = 0. */
function clearSlots(tile: usize, column: i32, slot: i32, split: bool): void {
  const zero = i32x4.splat(0);
  const halves: usize = ASC_FEATURE_RELAXED_SIMD ? 2 : 4;
  const to = tile + (ASC_FEATURE_RELAXED_SIMD ? 4 * column : 8 * column) + 4 * slot * (split ? 2 : 1);
  for (let h: usize = 0; h < halves; h++) {
    store4(to + 64 * h, zero);
    if (split) store4(to + 64 * h + 4, zero);
  }
}

/** 32-bit lanes of q to every fourth 32-bit word. */
// @ts-ignore: decorator
@inline function store4(to: usize, q: v128): void {
  v128.store_lane<u32>(to, q, 0);
  v128.store_lane<u32>(to, q, 1, 16);
  v128.store_lane<u32>(to, q, 2, 32);
  v128.store_lane<u32>(to, q, 3, 48);
}

/** nearest(x · inverse) of 16 values. */
// @ts-ignore: decorator
@inline function codes(x: usize, inverse: f32): v128 {
  const factor = f32x4.splat(inverse);
  const a = nearestInteger(f32x4.mul(v128.load(x), factor));
  const b = nearestInteger(f32x4.mul(v128.load(x, 16), factor));
  const c = nearestInteger(f32x4.mul(v128.load(x, 32), factor));
  const d = nearestInteger(f32x4.mul(v128.load(x, 48), factor));
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

// @ts-ignore: decorator
@inline function sum(q: v128): i32 {
  const s = i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(q));
  const pair = i32x4.add(s, v128.shuffle<i32>(s, s, 2, 3, 0, 1));
  return i32x4.extract_lane(pair, 0) + i32x4.extract_lane(pair, 1);
}

/** 1.5·2^23 as float32; in memory, see half.ts. */
// @ts-ignore: decorator
@lazy const MAGIC: usize = memory.data<u32>([0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000], 16);

/** Nearest integer, ties to even, of |x| < 2^22: adding 1.5·2^23 leaves it in the low bits of the mantissa. */
// @ts-ignore: decorator
@inline function nearestInteger(x: v128): v128 {
  const magic = v128.load(MAGIC);
  return i32x4.sub(f32x4.add(x, magic), magic);
}
