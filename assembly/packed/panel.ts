import { scratch } from '../share';

/*
 * A panel is eight rows of W, `PANEL_COLUMNS` columns of them at a time, unpacked once and then met by every row of
 * activations. It lies in the thread's scratch memory and fits the first-level cache:
 *
 *   codes     [columns / step, 8 rows, step]  step = 4 codes of 8 bits (relaxed build) or 2 of 16 bits: what one
 *                                             32-bit lane of a dot product takes
 *   scale     f32 [columns / sub, 8 rows]
 *   minimum   f32 [columns / sub, 8 rows]     formats with minimums only
 *   tile      f32 [4, 8 rows]                 sums of one tile of y
 *   linear    8 codes [8 rows, columns]       the rows before their codes are brought into panel order
 */

export const PANEL_ROWS: i32 = 8;
export const PANEL_COLUMNS: i32 = 1024;

// @ts-ignore: decorator
@inline export function panelScales(): usize { return scratch + 20 * 1024; }
// @ts-ignore: decorator
@inline export function panelMinimums(): usize { return scratch + 22 * 1024; }
// @ts-ignore: decorator
@inline export function panelTile(): usize { return scratch + 24 * 1024; }
// @ts-ignore: decorator
@inline function linearCodes(): usize { return scratch + 25 * 1024; }

/** Unpacks `columns` columns of eight rows. Rows beyond the last repeat it. */
// @ts-ignore: decorator
@inline export function unpackPanel<F>(w: usize, stride: usize, row: i32, rows: i32, column: i32, columns: i32): void {
  const format = changetype<F>(0);
  const skipped = <usize>(column / format.values()) * format.bytes();
  const subs = format.values() / format.sub();
  for (let r = 0; r < PANEL_ROWS; r++) {
    let block = w + <usize>min(row + r, rows - 1) * stride + skipped;
    let to = linearCodes() + <usize>r * PANEL_COLUMNS;
    let part = <usize>r * 4;
    for (let c = 0; c < columns; c += format.values()) {
      if (format.values() == 256) {
        unpackBlock256<F>(block, to, part);
      } else {
        unpackBlock<F>(block, to, part);
      }
      block += format.bytes();
      to += format.values();
      part += <usize>subs * PANEL_ROWS * 4;
    }
  }
  if (format.signed()) interleaveSigned(columns);
  else interleave(columns);
}

// @ts-ignore: decorator
@inline function unpackBlock<F>(block: usize, to: usize, part: usize): void {
  const format = changetype<F>(0);
  v128.store(to, changetype<F>(block).codes(0));
  v128.store(to, changetype<F>(block).codes(1), 16);
  if (format.values() > 32) {
    v128.store(to, changetype<F>(block).codes(2), 32);
    v128.store(to, changetype<F>(block).codes(3), 48);
  }
  if (format.values() > 64) {
    v128.store(to, changetype<F>(block).codes(4), 64);
    v128.store(to, changetype<F>(block).codes(5), 80);
    v128.store(to, changetype<F>(block).codes(6), 96);
    v128.store(to, changetype<F>(block).codes(7), 112);
  }
  for (let j = 0; j < format.values() / format.sub(); j++) {
    store<f32>(panelScales() + part, changetype<F>(block).scale(j));
    if (format.hasMinimum()) store<f32>(panelMinimums() + part, changetype<F>(block).minimum(j));
    part += PANEL_ROWS * 4;
  }
}

// @ts-ignore: decorator
@inline function unpackBlock256<F>(block: usize, to: usize, part: usize): void {
  v128.store(to, changetype<F>(block).codes(0));
  v128.store(to, changetype<F>(block).codes(1), 16);
  v128.store(to, changetype<F>(block).codes(2), 32);
  v128.store(to, changetype<F>(block).codes(3), 48);
  v128.store(to, changetype<F>(block).codes(4), 64);
  v128.store(to, changetype<F>(block).codes(5), 80);
  v128.store(to, changetype<F>(block).codes(6), 96);
  v128.store(to, changetype<F>(block).codes(7), 112);
  v128.store(to, changetype<F>(block).codes(8), 128);
  v128.store(to, changetype<F>(block).codes(9), 144);
  v128.store(to, changetype<F>(block).codes(10), 160);
  v128.store(to, changetype<F>(block).codes(11), 176);
  v128.store(to, changetype<F>(block).codes(12), 192);
  v128.store(to, changetype<F>(block).codes(13), 208);
  v128.store(to, changetype<F>(block).codes(14), 224);
  v128.store(to, changetype<F>(block).codes(15), 240);
  const factors = changetype<F>(block).factors();
  const d = v128.shuffle<i32>(factors, factors, 0, 0, 0, 0);
  const dmin = f32x4.neg(v128.shuffle<i32>(factors, factors, 1, 1, 1, 1));
  scaleFour<F>(block, 0, part, d, dmin);
  scaleFour<F>(block, 1, part, d, dmin);
  if (changetype<F>(0).sub() == 16) {
    scaleFour<F>(block, 2, part, d, dmin);
    scaleFour<F>(block, 3, part, d, dmin);
  }
}

/** Scales and minimums of sub-blocks 4g … 4g + 3. */
// @ts-ignore: decorator
@inline function scaleFour<F>(block: usize, g: i32, part: usize, d: v128, dmin: v128): void {
  const at = part + <usize>g * (4 * PANEL_ROWS * 4);
  scatter(panelScales() + at, f32x4.mul(d, changetype<F>(block).scales(g)));
  if (changetype<F>(0).hasMinimum()) {
    scatter(panelMinimums() + at, f32x4.mul(dmin, changetype<F>(block).minimums(g)));
  }
}

/** Lanes of x to every eighth float. */
// @ts-ignore: decorator
@inline function scatter(to: usize, x: v128): void {
  v128.store_lane<f32>(to, x, 0);
  v128.store_lane<f32>(to, x, 1, 4 * PANEL_ROWS);
  v128.store_lane<f32>(to, x, 2, 8 * PANEL_ROWS);
  v128.store_lane<f32>(to, x, 3, 12 * PANEL_ROWS);
}

/** Linear rows → panel order. */
function interleave(columns: i32): void {
  for (let half = 0; half < 2; half++) {
    const from = linearCodes() + <usize>half * 4 * PANEL_COLUMNS;
    let to = scratch + <usize>half * 16;
    for (let c: usize = 0; c < <usize>columns; c += 16) {
      const a = v128.load(from + c);
      const b = v128.load(from + c, PANEL_COLUMNS);
      const e = v128.load(from + c, 2 * PANEL_COLUMNS);
      const f = v128.load(from + c, 3 * PANEL_COLUMNS);
      if (ASC_FEATURE_RELAXED_SIMD) {
        storeTransposed(to, a, b, e, f);
        to += 128;
      } else {
        storeTransposed(to, i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b), i16x8.extend_low_i8x16_u(e), i16x8.extend_low_i8x16_u(f));
        storeTransposed(to + 128, i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b), i16x8.extend_high_i8x16_u(e), i16x8.extend_high_i8x16_u(f));
        to += 256;
      }
    }
  }
}

/** The same for signed codes. */
function interleaveSigned(columns: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    interleave(columns);
    return;
  }
  for (let half = 0; half < 2; half++) {
    const from = linearCodes() + <usize>half * 4 * PANEL_COLUMNS;
    let to = scratch + <usize>half * 16;
    for (let c: usize = 0; c < <usize>columns; c += 16) {
      const a = v128.load(from + c);
      const b = v128.load(from + c, PANEL_COLUMNS);
      const e = v128.load(from + c, 2 * PANEL_COLUMNS);
      const f = v128.load(from + c, 3 * PANEL_COLUMNS);
      storeTransposed(to, i16x8.extend_low_i8x16_s(a), i16x8.extend_low_i8x16_s(b), i16x8.extend_low_i8x16_s(e), i16x8.extend_low_i8x16_s(f));
      storeTransposed(to + 128, i16x8.extend_high_i8x16_s(a), i16x8.extend_high_i8x16_s(b), i16x8.extend_high_i8x16_s(e), i16x8.extend_high_i8x16_s(f));
      to += 256;
    }
  }
}

/** Column i of four rows of 32-bit lanes to `to + 32·i`. */
// @ts-ignore: decorator
@inline export function storeTransposed(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2));
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 32);
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 64);
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 96);
}

// @ts-ignore: decorator
@inline export function clearTile(): void {
  memory.fill(panelTile(), 0, 4 * PANEL_ROWS * 4);
}

/** y[from … to − 1, row …] (+)= the tile, as far as there are rows. */
export function addTile(y: usize, from: i32, to: i32, row: i32, rows: i32, first: bool): void {
  const count = min(PANEL_ROWS, rows - row);
  let tile = panelTile();
  for (let i = from; i < to; i++) {
    const out = y + ((<usize>i * rows + row) << 2);
    if (count == PANEL_ROWS) {
      let low = v128.load(tile);
      let high = v128.load(tile, 16);
      if (!first) {
        low = f32x4.add(low, v128.load(out));
        high = f32x4.add(high, v128.load(out, 16));
      }
      v128.store(out, low);
      v128.store(out, high, 16);
    } else {
      for (let r: usize = 0; r < <usize>count; r++) {
        const before: f32 = first ? 0 : load<f32>(out + 4 * r);
        store<f32>(out + 4 * r, before + load<f32>(tile + 4 * r));
      }
    }
    tile += 4 * PANEL_ROWS;
  }
}
