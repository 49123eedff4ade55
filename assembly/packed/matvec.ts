import { extraAt, scaleAt, wideAt } from './activations';
import { sumsOfFour } from './bits';
import { dot16, dot32 } from './dot';
import { shareStart } from '../share';

/** Bytes that one activation takes in its wide form. */
// @ts-ignore: decorator
@inline function wideBytes(): usize { return ASC_FEATURE_RELAXED_SIMD ? 1 : 2; }

/**
 * y[rows] = W · x for one row of rounded activations `x` (layout of activations.ts, m = 1), formats with blocks of at most
 * four sub-blocks. Four rows at a time, one per lane, so that scales, sums and activations are handled once for all four.
 */
// @ts-ignore: decorator
@inline export function matvecRows<F>(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const subs = format.values() / format.sub();
  const extra = extraAt(x, k, format.sub()) - scaleAt(x, k);
  const stride = <usize>(k / format.values()) * format.bytes();
  const end = shareStart(rows, 4, ith + 1, nth);
  for (let row = shareStart(rows, 4, ith, nth); row < end; row += 4) {
    let a = w + <usize>row * stride;
    let b = w + <usize>min(row + 1, rows - 1) * stride;
    let c = w + <usize>min(row + 2, rows - 1) * stride;
    let d = w + <usize>min(row + 3, rows - 1) * stride;
    let code = x;
    let wide = wideAt(x, k);
    let scale = scaleAt(x, k);
    let total = f32x4.splat(0);
    for (const last = x + k; code < last; code += format.values()) {
      total = addSubBlocks<F>(total, 0, a, b, c, d, code, wide, wide + k, scale, scale + extra);
      if (subs > 1) total = addSubBlocks<F>(total, 1, a, b, c, d, code, wide, wide + k, scale, scale + extra);
      if (subs > 2) {
        total = addSubBlocks<F>(total, 2, a, b, c, d, code, wide, wide + k, scale, scale + extra);
        total = addSubBlocks<F>(total, 3, a, b, c, d, code, wide, wide + k, scale, scale + extra);
      }
      a += format.bytes();
      b += format.bytes();
      c += format.bytes();
      d += format.bytes();
      wide += <usize>format.values() * wideBytes();
      scale += 4 * subs;
    }
    storeRows(y, row, rows, total);
  }
}

/** total + the products of sub-block j (constant) of four rows. */
// @ts-ignore: decorator
@inline function addSubBlocks<F>(
  total: v128, j: i32, a: usize, b: usize, c: usize, d: usize, x: usize, wide: usize, negative: usize, scales: usize, extra: usize,
): v128 {
  const format = changetype<F>(0);
  let sum = sumsOfFour(
    subBlock<F>(a, j, x, wide, negative),
    subBlock<F>(b, j, x, wide, negative),
    subBlock<F>(c, j, x, wide, negative),
    subBlock<F>(d, j, x, wide, negative),
  );
  if (format.zero() != 0) sum = i32x4.add(sum, v128.load32_splat(extra + 4 * j));
  const factor = f32x4.mul(changetype<F>(a).scaleOfRows(j, b, c, d), v128.load32_splat(scales + 4 * j));
  total = f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), factor));
  if (!format.hasMinimum()) return total;
  return f32x4.add(total, f32x4.mul(changetype<F>(a).minimumOfRows(j, b, c, d), v128.load32_splat(extra + 4 * j)));
}

/** y[row … row + 3] = values, as far as there are rows. */
function storeRows(y: usize, row: i32, rows: i32, values: v128): void {
  const to = y + (<usize>row << 2);
  if (row + 4 <= rows) {
    v128.store(to, values);
    return;
  }
  store<f32>(to, f32x4.extract_lane(values, 0));
  if (row + 1 < rows) store<f32>(to, f32x4.extract_lane(values, 1), 4);
  if (row + 2 < rows) store<f32>(to, f32x4.extract_lane(values, 2), 8);
}

/** The same for super-blocks of 256: one row at a time, four of its sub-blocks per vector. */
// @ts-ignore: decorator
@inline export function matvec256<F>(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const sub = format.sub();
  const extra = extraAt(x, k, sub) - scaleAt(x, k);
  const end = shareStart(rows, 4, ith + 1, nth);
  let row = shareStart(rows, 4, ith, nth);
  let block = w + <usize>row * (k >> 8) * format.bytes();
  for (; row < end; row++) {
    let code = x;
    let wide = wideAt(x, k);
    let scale = scaleAt(x, k);
    let total = f32x4.splat(0);
    for (const last = x + k; code < last; code += 256) {
      let scaled = fourSubBlocks<F>(block, 0, code, wide, wide + k, scale, scale + extra);
      scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 1, code, wide, wide + k, scale, scale + extra));
      if (sub == 16) {
        scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 2, code, wide, wide + k, scale, scale + extra));
        scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 3, code, wide, wide + k, scale, scale + extra));
      }
      const factors = changetype<F>(block).factors();
      total = f32x4.add(total, f32x4.mul(scaled, v128.shuffle<i32>(factors, factors, 0, 0, 0, 0)));
      if (format.hasMinimum()) {
        const offset = offsets<F>(block, scale + extra);
        total = f32x4.sub(total, f32x4.mul(offset, v128.shuffle<i32>(factors, factors, 1, 1, 1, 1)));
      }
      block += format.bytes();
      wide += 256 * wideBytes();
      scale += <usize>(1024 / sub);
    }
    total = f32x4.add(total, v128.shuffle<i32>(total, total, 2, 3, 0, 1));
    store<f32>(y + (<usize>row << 2), f32x4.extract_lane(total, 0) + f32x4.extract_lane(total, 1));
  }
}

/** Dot products of sub-blocks 4g … 4g + 3, times their scales and the activations' scales. */
// @ts-ignore: decorator
@inline function fourSubBlocks<F>(
  block: usize, g: i32, x: usize, wide: usize, negative: usize, scales: usize, extra: usize,
): v128 {
  const format = changetype<F>(0);
  let sum = sumsOfFour(
    subBlock<F>(block, 4 * g, x, wide, negative),
    subBlock<F>(block, 4 * g + 1, x, wide, negative),
    subBlock<F>(block, 4 * g + 2, x, wide, negative),
    subBlock<F>(block, 4 * g + 3, x, wide, negative),
  );
  if (format.zero() != 0) sum = i32x4.add(sum, v128.load(extra + 16 * g));
  const scale = f32x4.mul(changetype<F>(block).scales(g), v128.load(scales + 16 * g));
  return f32x4.mul(f32x4.convert_i32x4_s(sum), scale);
}

// @ts-ignore: decorator
@inline function subBlock<F>(block: usize, j: i32, x: usize, wide: usize, negative: usize): v128 {
  const b = changetype<F>(block);
  if (b.sub() == 16) return dot16<F>(b.codes(j), 16 * j, x, wide, negative);
  return dot32<F>(b.codes(2 * j), b.codes(2 * j + 1), 32 * j, x, wide, negative);
}

/** Minimums times the sums of the activations they are added to. */
// @ts-ignore: decorator
@inline function offsets<F>(block: usize, products: usize): v128 {
  const b = changetype<F>(block);
  let sum = f32x4.mul(b.minimums(0), v128.load(products));
  sum = f32x4.add(sum, f32x4.mul(b.minimums(1), v128.load(products, 16)));
  if (b.sub() == 32) return sum;
  sum = f32x4.add(sum, f32x4.mul(b.minimums(2), v128.load(products, 32)));
  return f32x4.add(sum, f32x4.mul(b.minimums(3), v128.load(products, 48)));
}
