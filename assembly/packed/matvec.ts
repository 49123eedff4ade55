import { productAt, scaleAt, sumAt, wideAt } from './activations';
import { sumsOfFour, timesZeroPoint } from './bits';
import { dot16 } from './dot';
import { shareStart } from '../share';

/**
 * y[rows] = W · x for one row of rounded activations `x` (layout of activations.ts, m = 1), formats with one scale per
 * 32 values. Four rows at a time, one per lane, so that scales, sums and activations are handled once for all four.
 */
// @ts-ignore: decorator
@inline export function matvec32<F>(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const wide = wideAt(x, 1, k);
  const scales = scaleAt(x, 1, k);
  const sums = sumAt(x, 1, k, 32);
  const products = productAt(x, 1, k, 32);
  const blocks = k >> 5;
  const stride = <usize>blocks * format.bytes();
  const end = shareStart(rows, 4, ith + 1, nth);
  for (let row = shareStart(rows, 4, ith, nth); row < end; row += 4) {
    let a = w + <usize>row * stride;
    let b = w + <usize>min(row + 1, rows - 1) * stride;
    let c = w + <usize>min(row + 2, rows - 1) * stride;
    let d = w + <usize>min(row + 3, rows - 1) * stride;
    let total = f32x4.splat(0);
    for (let block = 0; block < blocks; block++) {
      const at = block << 5;
      const index = <usize>block << 2;
      let sum = sumsOfFour(
        dot32<F>(a, at, x, wide, k),
        dot32<F>(b, at, x, wide, k),
        dot32<F>(c, at, x, wide, k),
        dot32<F>(d, at, x, wide, k),
      );
      if (format.zero() != 0) sum = i32x4.sub(sum, timesZeroPoint(v128.load32_splat(sums + index), format.zero()));
      const scale = f32x4.mul(changetype<F>(a).scaleOfRows(b, c, d), v128.load32_splat(scales + index));
      total = f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
      if (format.hasMinimum()) {
        const minimum = changetype<F>(a).minimumOfRows(b, c, d);
        total = f32x4.add(total, f32x4.mul(minimum, v128.load32_splat(products + index)));
      }
      a += format.bytes();
      b += format.bytes();
      c += format.bytes();
      d += format.bytes();
    }
    storeRows(y, row, rows, total);
  }
}

// @ts-ignore: decorator
@inline function dot32<F>(block: usize, at: i32, x: usize, wide: usize, all: usize): v128 {
  const half = dot16<F>(changetype<F>(block).codes(0), at, x, wide, all, i32x4.splat(0));
  return dot16<F>(changetype<F>(block).codes(1), at + 16, x, wide, all, half);
}

/** y[row … row + 3] = values, as far as there are rows. */
// @ts-ignore: decorator
@inline export function storeRows(y: usize, row: i32, rows: i32, values: v128): void {
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
  const wide = wideAt(x, 1, k);
  const sub = format.sub();
  const scales = scaleAt(x, 1, k);
  const sums = sumAt(x, 1, k, sub);
  const products = productAt(x, 1, k, sub);
  const blocks = k >> 8;
  const end = shareStart(rows, 4, ith + 1, nth);
  let block = w + <usize>shareStart(rows, 4, ith, nth) * blocks * format.bytes();
  for (let row = shareStart(rows, 4, ith, nth); row < end; row++) {
    let total = f32x4.splat(0);
    let at = 0;
    for (let i = 0; i < blocks; i++) {
      const parts = <usize>(at / sub) << 2;
      let scaled = fourSubBlocks<F>(block, 0, at, x, wide, k, scales + parts, sums + parts);
      scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 1, at, x, wide, k, scales + parts, sums + parts));
      let offset = f32x4.splat(0);
      if (format.hasMinimum()) {
        offset = f32x4.mul(changetype<F>(block).minimums(0), v128.load(products + parts));
        offset = f32x4.add(offset, f32x4.mul(changetype<F>(block).minimums(1), v128.load(products + parts, 16)));
      }
      if (sub == 16) {
        scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 2, at, x, wide, k, scales + parts, sums + parts));
        scaled = f32x4.add(scaled, fourSubBlocks<F>(block, 3, at, x, wide, k, scales + parts, sums + parts));
        if (format.hasMinimum()) {
          offset = f32x4.add(offset, f32x4.mul(changetype<F>(block).minimums(2), v128.load(products + parts, 32)));
          offset = f32x4.add(offset, f32x4.mul(changetype<F>(block).minimums(3), v128.load(products + parts, 48)));
        }
      }
      const factors = changetype<F>(block).factors();
      total = f32x4.add(total, f32x4.mul(scaled, v128.shuffle<i32>(factors, factors, 0, 0, 0, 0)));
      if (format.hasMinimum()) {
        total = f32x4.sub(total, f32x4.mul(offset, v128.shuffle<i32>(factors, factors, 1, 1, 1, 1)));
      }
      at += 256;
      block += format.bytes();
    }
    total = f32x4.add(total, v128.shuffle<i32>(total, total, 2, 3, 0, 1));
    store<f32>(y + (<usize>row << 2), f32x4.extract_lane(total, 0) + f32x4.extract_lane(total, 1));
  }
}

/** Dot products of sub-blocks 4g … 4g + 3, times their scales and the activations' scales. */
// @ts-ignore: decorator
@inline function fourSubBlocks<F>(
  block: usize, g: i32, at: i32, x: usize, wide: usize, all: usize, scales: usize, sums: usize,
): v128 {
  const format = changetype<F>(0);
  let sum = sumsOfFour(
    subBlock<F>(block, 4 * g, at, x, wide, all),
    subBlock<F>(block, 4 * g + 1, at, x, wide, all),
    subBlock<F>(block, 4 * g + 2, at, x, wide, all),
    subBlock<F>(block, 4 * g + 3, at, x, wide, all),
  );
  if (format.zero() != 0) {
    sum = i32x4.sub(sum, timesZeroPoint(v128.load(sums + 16 * g), format.zero()));
  }
  const scale = f32x4.mul(changetype<F>(block).scales(g), v128.load(scales + 16 * g));
  return f32x4.mul(f32x4.convert_i32x4_s(sum), scale);
}

// @ts-ignore: decorator
@inline function subBlock<F>(block: usize, j: i32, at: i32, x: usize, wide: usize, all: usize): v128 {
  if (changetype<F>(0).sub() == 16) {
    return dot16<F>(changetype<F>(block).codes(j), at + 16 * j, x, wide, all, i32x4.splat(0));
  }
  const half = dot16<F>(changetype<F>(block).codes(2 * j), at + 32 * j, x, wide, all, i32x4.splat(0));
  return dot16<F>(changetype<F>(block).codes(2 * j + 1), at + 32 * j + 16, x, wide, all, half);
}
