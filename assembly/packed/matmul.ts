import { productAt, scaleAt, sumAt, wideAt } from './activations';
import { timesZeroPoint } from './bits';
import { addTile, clearTile, PANEL_COLUMNS, PANEL_ROWS, panelMinimums, panelScales, panelTile, unpackPanel } from './panel';
import { scratch, shareStart } from '../share';

/** Whether the two parts of the activations (positive, negative) meet the codes separately; see dot.ts. */
// @ts-ignore: decorator
@inline function split<F>(): bool { return ASC_FEATURE_RELAXED_SIMD && changetype<F>(0).signed(); }

/** y[m, rows] = x[m, k] · Wᵀ for rounded activations (layout of activations.ts). */
// @ts-ignore: decorator
@inline export function matmulPanels<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const stride = <usize>(k / format.values()) * format.bytes();
  const tileRows = split<F>() ? 2 : 4;
  const end = shareStart(rows, PANEL_ROWS, ith + 1, nth);
  for (let row = shareStart(rows, PANEL_ROWS, ith, nth); row < end; row += PANEL_ROWS) {
    for (let column = 0; column < k; column += PANEL_COLUMNS) {
      const columns = min(PANEL_COLUMNS, k - column);
      unpackPanel<F>(w, stride, row, rows, column, columns);
      for (let i = 0; i < m; i += tileRows) {
        clearTile();
        tile<F>(x, m, k, i, column, columns);
        addTile(y, i, min(m, i + tileRows), row, rows, column == 0);
      }
    }
  }
}

/** Sums of one tile, `panelTile`, over the panel's columns. */
// @ts-ignore: decorator
@inline function tile<F>(x: usize, m: i32, k: i32, i: i32, column: i32, columns: i32): void {
  const format = changetype<F>(0);
  const sub = format.sub();
  // Rows beyond the last repeat it; their sums are not stored.
  const i1 = min(i + 1, m - 1);
  const i2 = min(i + 2, m - 1);
  const i3 = min(i + 3, m - 1);
  const all = <usize>m * k;
  let x0 = operand<F>(x, m, k, i, column);
  let x1 = split<F>() ? x0 + all : operand<F>(x, m, k, i1, column);
  let x2 = split<F>() ? operand<F>(x, m, k, i1, column) : operand<F>(x, m, k, i2, column);
  let x3 = split<F>() ? x2 + all : operand<F>(x, m, k, i3, column);
  const parts = k / sub;
  const part = <usize>(column / sub) << 2;
  const s0 = (<usize>i * parts << 2) + part;
  const s1 = (<usize>i1 * parts << 2) + part;
  const s2 = (<usize>i2 * parts << 2) + part;
  const s3 = (<usize>i3 * parts << 2) + part;
  const scales = scaleAt(x, m, k);
  const sums = sumAt(x, m, k, sub);
  const products = productAt(x, m, k, sub);
  const groups = ASC_FEATURE_RELAXED_SIMD ? sub / 16 : sub / 8;
  let codes = scratch;
  for (let j: usize = 0, last = <usize>(columns / sub); j < last; j++) {
    const at = j << 2;
    let a00 = start<F>(sums + s0 + at);
    let a10 = start<F>(sums + s1 + at);
    let a20 = start<F>(sums + s2 + at);
    let a30 = start<F>(sums + s3 + at);
    let a01 = a00;
    let a11 = a10;
    let a21 = a20;
    let a31 = a30;
    for (let g = 0; g < groups; g++) {
      let w0 = v128.load(codes);
      let w1 = v128.load(codes, 16);
      let v = v128.load32_splat(x0);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = v128.load32_splat(x1);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = v128.load32_splat(x2);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = v128.load32_splat(x3);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      w0 = v128.load(codes, 32);
      w1 = v128.load(codes, 48);
      v = v128.load32_splat(x0, 4);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = v128.load32_splat(x1, 4);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = v128.load32_splat(x2, 4);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = v128.load32_splat(x3, 4);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      w0 = v128.load(codes, 64);
      w1 = v128.load(codes, 80);
      v = v128.load32_splat(x0, 8);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = v128.load32_splat(x1, 8);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = v128.load32_splat(x2, 8);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = v128.load32_splat(x3, 8);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      w0 = v128.load(codes, 96);
      w1 = v128.load(codes, 112);
      v = v128.load32_splat(x0, 12);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = v128.load32_splat(x1, 12);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = v128.load32_splat(x2, 12);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = v128.load32_splat(x3, 12);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      codes += 128;
      x0 += 16;
      x1 += 16;
      x2 += 16;
      x3 += 16;
    }
    if (split<F>()) {
      finish<F>(0, a00, a10, a01, a11, j, scales + s0 + at, products + s0 + at);
      finish<F>(1, a20, a30, a21, a31, j, scales + s1 + at, products + s1 + at);
    } else {
      finish<F>(0, a00, a00, a01, a01, j, scales + s0 + at, products + s0 + at);
      finish<F>(1, a10, a10, a11, a11, j, scales + s1 + at, products + s1 + at);
      finish<F>(2, a20, a20, a21, a21, j, scales + s2 + at, products + s2 + at);
      finish<F>(3, a30, a30, a31, a31, j, scales + s3 + at, products + s3 + at);
    }
  }
}

/** Where row i of the activations starts, in the form that this build multiplies. */
// @ts-ignore: decorator
@inline function operand<F>(x: usize, m: i32, k: i32, i: i32, column: i32): usize {
  const at = <usize>i * k + column;
  if (split<F>()) return wideAt(x, m, k) + at;
  return ASC_FEATURE_RELAXED_SIMD ? x + at : wideAt(x, m, k) + 2 * at;
}

/** −zero · Σ codes, what the zero point of a sub-block takes away from its dot products. */
// @ts-ignore: decorator
@inline function start<F>(sum: usize): v128 {
  if (changetype<F>(0).zero() == 0) return i32x4.splat(0);
  return i32x4.neg(timesZeroPoint(v128.load32_splat(sum), changetype<F>(0).zero()));
}

/** sum + x · codes, lane by lane; x holds the same few activations in every lane. */
// @ts-ignore: decorator
@inline function multiply<F>(x: v128, codes: v128, sum: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return i32x4.add(sum, i32x4.dot_i16x8_s(x, codes));
  if (changetype<F>(0).signed()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, x, sum);
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, codes, sum);
}

/** Row i of the tile += (sums of sub-block j) · scales + minimums · (sum of activations). */
// @ts-ignore: decorator
@inline function finish<F>(
  i: usize, low: v128, lowNegative: v128, high: v128, highNegative: v128, j: usize, scale: usize, product: usize,
): void {
  if (split<F>()) {
    low = i32x4.sub(low, lowNegative);
    high = i32x4.sub(high, highNegative);
  }
  const to = panelTile() + i * 32;
  const at = j * 32;
  const s = v128.load32_splat(scale);
  let sum0 = f32x4.mul(f32x4.convert_i32x4_s(low), f32x4.mul(s, v128.load(panelScales() + at)));
  let sum1 = f32x4.mul(f32x4.convert_i32x4_s(high), f32x4.mul(s, v128.load(panelScales() + at, 16)));
  if (changetype<F>(0).hasMinimum()) {
    const p = v128.load32_splat(product);
    sum0 = f32x4.add(sum0, f32x4.mul(p, v128.load(panelMinimums() + at)));
    sum1 = f32x4.add(sum1, f32x4.mul(p, v128.load(panelMinimums() + at, 16)));
  }
  v128.store(to, f32x4.add(v128.load(to), sum0));
  v128.store(to, f32x4.add(v128.load(to, 16), sum1), 16);
}
