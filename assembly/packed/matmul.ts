import { tileBytes, tileExtraAt, tileRows, tileScaleAt } from './activations';
import { addTile, clearTile, PANEL_COLUMNS, PANEL_ROWS, panelMinimums, panelScales, panelTile, unpackPanel } from './panel';
import { scratch, shareStart } from '../share';

/** Whether the positive and negative parts of activations meet the codes separately; see dot.ts. */
// @ts-ignore: decorator
@inline export function split<F>(): bool { return ASC_FEATURE_RELAXED_SIMD && changetype<F>(0).signed(); }

/** y[m, rows] = x[m, k] · Wᵀ for rounded activations in tiles (activations.ts). */
// @ts-ignore: decorator
@inline export function matmulPanels<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const stride = <usize>(k / format.values()) * format.bytes();
  const count = tileRows(split<F>());
  const end = shareStart(rows, PANEL_ROWS, ith + 1, nth);
  for (let row = shareStart(rows, PANEL_ROWS, ith, nth); row < end; row += PANEL_ROWS) {
    for (let column = 0; column < k; column += PANEL_COLUMNS) {
      const columns = min(PANEL_COLUMNS, k - column);
      unpackPanel<F>(w, stride, row, rows, column, columns);
      let from = x;
      for (let i = 0; i < m; i += count) {
        clearTile();
        tile<F>(from, k, column, columns);
        addTile(y, i, min(m, i + count), row, rows, column == 0);
        from += tileBytes(k, format.sub(), split<F>());
      }
    }
  }
}

/** Sums of one tile, `panelTile`, over the panel's columns. */
// @ts-ignore: decorator
@inline function tile<F>(from: usize, k: i32, column: i32, columns: i32): void {
  const sub = changetype<F>(0).sub();
  const next = <usize>tileRows(split<F>()) << 2;
  const skipped = <usize>(column / sub) * next;
  let x = from + column * (ASC_FEATURE_RELAXED_SIMD ? 4 : 8);
  let scale = tileScaleAt(from, k) + skipped;
  let extra = tileExtraAt(from, k, sub, split<F>()) + skipped;
  let codes = scratch;
  for (let j: usize = 0, last = <usize>(columns / sub) << 5; j < last; j += 32) {
    const scale4 = v128.load(scale);
    const extra4 = v128.load(extra);
    let a00 = start<F>(extra4, 0);
    let a10 = start<F>(extra4, 1);
    let a20 = start<F>(extra4, 2);
    let a30 = start<F>(extra4, 3);
    let a01 = a00;
    let a11 = a10;
    let a21 = a20;
    let a31 = a30;
    // Two steps at a time; with more, V8 runs out of registers.
    for (const end = codes + (ASC_FEATURE_RELAXED_SIMD ? 8 * sub : 16 * sub); codes < end; ) {
      let w0 = v128.load(codes);
      let w1 = v128.load(codes, 16);
      let x4 = v128.load(x);
      let v = splat(x4, 0);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = splat(x4, 1);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = splat(x4, 2);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = splat(x4, 3);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      w0 = v128.load(codes, 32);
      w1 = v128.load(codes, 48);
      x4 = v128.load(x, 16);
      v = splat(x4, 0);
      a00 = multiply<F>(v, w0, a00);
      a01 = multiply<F>(v, w1, a01);
      v = splat(x4, 1);
      a10 = multiply<F>(v, w0, a10);
      a11 = multiply<F>(v, w1, a11);
      v = splat(x4, 2);
      a20 = multiply<F>(v, w0, a20);
      a21 = multiply<F>(v, w1, a21);
      v = splat(x4, 3);
      a30 = multiply<F>(v, w0, a30);
      a31 = multiply<F>(v, w1, a31);

      codes += 64;
      x += 32;
    }
    if (split<F>()) {
      finish<F>(0, i32x4.sub(a00, a10), i32x4.sub(a01, a11), j, scale4, extra4);
      finish<F>(1, i32x4.sub(a20, a30), i32x4.sub(a21, a31), j, scale4, extra4);
    } else {
      finish<F>(0, a00, a01, j, scale4, extra4);
      finish<F>(1, a10, a11, j, scale4, extra4);
      finish<F>(2, a20, a21, j, scale4, extra4);
      finish<F>(3, a30, a31, j, scale4, extra4);
    }
    scale += next;
    extra += next;
  }
}

/** Lane i (constant) of x in every lane. One load and shuffles take fewer steps in V8 than loads that splat. */
// @ts-ignore: decorator
@inline function splat(x: v128, i: i32): v128 {
  if (i == 0) return v128.shuffle<i32>(x, x, 0, 0, 0, 0);
  if (i == 1) return v128.shuffle<i32>(x, x, 1, 1, 1, 1);
  if (i == 2) return v128.shuffle<i32>(x, x, 2, 2, 2, 2);
  return v128.shuffle<i32>(x, x, 3, 3, 3, 3);
}

/** What the zero point of a sub-block takes away from its dot products with row i. */
// @ts-ignore: decorator
@inline function start<F>(extra: v128, i: i32): v128 {
  return changetype<F>(0).zero() == 0 ? i32x4.splat(0) : splat(extra, i);
}

/** sum + x · codes, lane by lane; x holds the same few activations in every lane. */
// @ts-ignore: decorator
@inline function multiply<F>(x: v128, codes: v128, sum: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return i32x4.add(sum, i32x4.dot_i16x8_s(x, codes));
  if (changetype<F>(0).signed()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, x, sum);
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, codes, sum);
}

/** Row i of the tile += sums · scales + minimums · (scaled sum of activations); `at` is the sub-block's place. */
// @ts-ignore: decorator
@inline function finish<F>(i: i32, low: v128, high: v128, at: usize, scale: v128, extra: v128): void {
  const to = panelTile() + 32 * i;
  const s = splat(scale, i);
  let sum0 = f32x4.mul(f32x4.convert_i32x4_s(low), f32x4.mul(s, v128.load(panelScales() + at)));
  let sum1 = f32x4.mul(f32x4.convert_i32x4_s(high), f32x4.mul(s, v128.load(panelScales() + at, 16)));
  if (changetype<F>(0).hasMinimum()) {
    const p = splat(extra, i);
    sum0 = f32x4.add(sum0, f32x4.mul(p, v128.load(panelMinimums() + at)));
    sum1 = f32x4.add(sum1, f32x4.mul(p, v128.load(panelMinimums() + at, 16)));
  }
  v128.store(to, f32x4.add(v128.load(to), sum0));
  v128.store(to, f32x4.add(v128.load(to, 16), sum1), 16);
}
