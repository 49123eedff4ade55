import { halves, half, trueHalves } from './half';
import { addTile, PANEL_ROWS, panelTile, storeTransposed } from './panel';
import { scratch, shareStart } from '../share';
import { vmadd } from '../lanes';

/*
 * Weights stored as floats, one value after the other. They are multiplied by the activations as they are, not rounded
 * to int8. A class says how one value is read, and values 4·part … 4·part + 3 of eight (part 0 or 1).
 */

@unmanaged export class F32 {
  @inline bytes(): usize { return 4; }
  @inline one(): f32 { return load<f32>(changetype<usize>(this)); }
  @inline four(part: i32): v128 { return v128.load(changetype<usize>(this) + 16 * part); }
}

/** Products read infinities as 2^16, see half.ts; `decoded` reads them as they are. */
@unmanaged export class F16 {
  @inline bytes(): usize { return 2; }
  @inline one(): f32 { return half(changetype<usize>(this)); }
  @inline four(part: i32): v128 { return halves(inHighHalves(changetype<usize>(this), part)); }
  @inline decoded(part: i32): v128 { return trueHalves(inHighHalves(changetype<usize>(this), part)); }
}

@unmanaged export class BF16 {
  @inline bytes(): usize { return 2; }
  @inline one(): f32 { return reinterpret<f32>(<u32>load<u16>(changetype<usize>(this)) << 16); }
  @inline four(part: i32): v128 { return inHighHalves(changetype<usize>(this), part); }
  @inline decoded(part: i32): v128 { return this.four(part); }
}

/** Four of the eight 16-bit values at `address`, each in the high half of a 32-bit lane above zeros. */
// @ts-ignore: decorator
@inline function inHighHalves(address: usize, part: i32): v128 {
  const zero = i32x4.splat(0);
  const all = v128.load(address);
  if (part == 0) return v128.shuffle<i16>(zero, all, 0, 8, 1, 9, 2, 10, 3, 11);
  return v128.shuffle<i16>(zero, all, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** values = `count` floats. */
// @ts-ignore: decorator
@inline export function decodeFloats<F>(from: usize, values: usize, count: i32, ith: i32, nth: i32): void {
  const bytes = changetype<F>(0).bytes();
  const end = shareStart(count, 8, ith + 1, nth);
  let i = shareStart(count, 8, ith, nth);
  if (ASC_FEATURE_SIMD) {
    for (; i + 8 <= end; i += 8) {
      const to = values + (<usize>i << 2);
      v128.store(to, changetype<F>(from + <usize>i * bytes).decoded(0));
      v128.store(to, changetype<F>(from + <usize>i * bytes).decoded(1), 16);
    }
  }
  for (; i < end; i++) store<f32>(values + (<usize>i << 2), changetype<F>(from + <usize>i * bytes).one());
}

/** From this many rows of activations on, unpacking weights once for all of them is faster than dot products. */
const PANEL_FROM: i32 = 3;
/** Columns of a panel f32 [columns, 8 rows]; it fits the first-level cache beside the activations. */
const COLUMNS: i32 = 512;

/** y[m, rows] = x[m, k] · Wᵀ. */
// @ts-ignore: decorator
@inline export function matmulFloats<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, PANEL_ROWS, ith + 1, nth);
  const stride = <usize>k * changetype<F>(0).bytes();
  let row = shareStart(rows, PANEL_ROWS, ith, nth);
  if (ASC_FEATURE_SIMD && m >= PANEL_FROM) {
    for (; row < end; row += PANEL_ROWS) {
      for (let column = 0; column < k; column += COLUMNS) {
        const columns = min(COLUMNS, k - column);
        unpack<F>(w + <usize>column * changetype<F>(0).bytes(), stride, row, rows, columns);
        for (let i = 0; i < m; i += 4) tile(x + (<usize>column << 2), y, m, k, i, columns, row, rows, column == 0);
      }
    }
    return;
  }
  for (; row < end; row++) {
    for (let i = 0; i < m; i++) {
      store<f32>(y + ((<usize>i * rows + row) << 2), dot<F>(x + (<usize>i * k << 2), w + <usize>row * stride, k));
    }
  }
}

/** Σ x·w over k values. */
// @ts-ignore: decorator
@inline function dot<F>(x: usize, w: usize, k: i32): f32 {
  let c = 0;
  let total: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    const bytes = changetype<F>(0).bytes();
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (; c + 16 <= k; c += 16) {
      sum0 = vmadd(v128.load(x), changetype<F>(w).four(0), sum0);
      sum1 = vmadd(v128.load(x, 16), changetype<F>(w).four(1), sum1);
      sum2 = vmadd(v128.load(x, 32), changetype<F>(w + 8 * bytes).four(0), sum2);
      sum3 = vmadd(v128.load(x, 48), changetype<F>(w + 8 * bytes).four(1), sum3);
      x += 64;
      w += 16 * bytes;
    }
    const sum = f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
    const pair = f32x4.add(sum, v128.shuffle<i32>(sum, sum, 2, 3, 0, 1));
    total = f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
  }
  for (; c < k; c++) {
    total += load<f32>(x) * changetype<F>(w).one();
    x += 4;
    w += changetype<F>(0).bytes();
  }
  return total;
}

/** Eight rows → panel f32 [columns, 8] in scratch memory. */
// @ts-ignore: decorator
@inline function unpack<F>(w: usize, stride: usize, row: i32, rows: i32, columns: i32): void {
  const bytes = changetype<F>(0).bytes();
  for (let half = 0; half < PANEL_ROWS; half += 4) {
    let a = w + <usize>min(row + half, rows - 1) * stride;
    let b = w + <usize>min(row + half + 1, rows - 1) * stride;
    let d = w + <usize>min(row + half + 2, rows - 1) * stride;
    let e = w + <usize>min(row + half + 3, rows - 1) * stride;
    let to = scratch + <usize>half * 4;
    let c = 0;
    for (; c + 8 <= columns; c += 8) {
      storeTransposed(to, changetype<F>(a).four(0), changetype<F>(b).four(0), changetype<F>(d).four(0), changetype<F>(e).four(0));
      storeTransposed(to + 128, changetype<F>(a).four(1), changetype<F>(b).four(1), changetype<F>(d).four(1), changetype<F>(e).four(1));
      a += 8 * bytes;
      b += 8 * bytes;
      d += 8 * bytes;
      e += 8 * bytes;
      to += 256;
    }
    for (; c < columns; c++) {
      v128.store(to, f32x4(changetype<F>(a).one(), changetype<F>(b).one(), changetype<F>(d).one(), changetype<F>(e).one()));
      a += bytes;
      b += bytes;
      d += bytes;
      e += bytes;
      to += 32;
    }
  }
}

/** y[i … i + 3, row … row + 7] (+)= x · panel, as far as there are rows. */
function tile(x: usize, y: usize, m: i32, k: i32, i: i32, columns: i32, row: i32, rows: i32, first: bool): void {
  // Rows beyond the last repeat it; their sums are not stored.
  let x0 = x + (<usize>i * k << 2);
  let x1 = x + (<usize>min(i + 1, m - 1) * k << 2);
  let x2 = x + (<usize>min(i + 2, m - 1) * k << 2);
  let x3 = x + (<usize>min(i + 3, m - 1) * k << 2);
  let a00 = f32x4.splat(0);
  let a01 = a00;
  let a10 = a00;
  let a11 = a00;
  let a20 = a00;
  let a21 = a00;
  let a30 = a00;
  let a31 = a00;
  let panel = scratch;
  for (const end = panel + <usize>columns * 32; panel < end; panel += 32) {
    const w0 = v128.load(panel);
    const w1 = v128.load(panel, 16);
    let v = v128.load32_splat(x0);
    a00 = vmadd(v, w0, a00);
    a01 = vmadd(v, w1, a01);
    v = v128.load32_splat(x1);
    a10 = vmadd(v, w0, a10);
    a11 = vmadd(v, w1, a11);
    v = v128.load32_splat(x2);
    a20 = vmadd(v, w0, a20);
    a21 = vmadd(v, w1, a21);
    v = v128.load32_splat(x3);
    a30 = vmadd(v, w0, a30);
    a31 = vmadd(v, w1, a31);
    x0 += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
  }
  const to = panelTile();
  v128.store(to, a00);
  v128.store(to, a01, 16);
  v128.store(to, a10, 32);
  v128.store(to, a11, 48);
  v128.store(to, a20, 64);
  v128.store(to, a21, 80);
  v128.store(to, a30, 96);
  v128.store(to, a31, 112);
  addTile(y, i, min(m, i + 4), row, rows, first);
}
