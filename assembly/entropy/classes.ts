import { scratch, shareStart } from '../share';

/** Counts of codes by classes, and the classes that are shortest; see src/numeric/entropy/classes.ts. */

/** Columns that are counted together, at most and at least: as many as the first-level cache has counts for. */
const STRIP: i32 = 64;
const NARROWEST: i32 = 8;
const CACHE: i32 = 32768;
/** Most cells of a row or column: classes of the other times symbols. */
const MOST_CELLS: usize = 8 * 256;
/** Costs of classes stand behind the counts: f64 [16]. */
// @ts-ignore: decorator
@inline function costs(): usize { return scratch + 4 * STRIP * MOST_CELLS; }

/** counts u32 [rowClasses, columnClasses, symbols]; one thread makes them. */
export function pairCounts(
  codes: usize, ofRow: usize, ofColumn: usize, counts: usize, rows: i32, columns: i32, symbols: i32, rowClasses: i32,
  columnClasses: i32, ith: i32, _nth: i32,
): void {
  if (ith != 0) return;
  const ofClass = <usize>(columnClasses * symbols) << 2;
  memory.fill(counts, 0, ofClass * rowClasses);
  for (let i = 0; i < rows; i++) {
    countRow(codes + <usize>i * columns, ofColumn, columns, symbols, columnClasses * symbols, counts + ofClass * load<u8>(ofRow + i));
  }
}

/** Cells up to which neighbours are counted apart: few cells are hit again before a count is back in memory. */
const FEW_CELLS: i32 = 256;
/** u32 [3, FEW_CELLS] behind the costs. */
// @ts-ignore: decorator
@inline function apart(): usize { return costs() + 128; }

/** Behind them, see `occurring`. */
// @ts-ignore: decorator
@inline function list(): usize { return apart() + 12 * FEW_CELLS; }

/** counts[cells] += those of a row's codes. */
function countRow(codes: usize, others: usize, count: i32, symbols: i32, cells: i32, counts: usize): void {
  let j = 0;
  if (cells <= FEW_CELLS && count >= 4 * cells) {
    const b = apart();
    const c = b + (<usize>cells << 2);
    const d = c + (<usize>cells << 2);
    memory.fill(b, 0, <usize>(12 * cells));
    for (; j + 4 <= count; j += 4) {
      countOne(codes + j, others + j, symbols, counts);
      countOne(codes + j + 1, others + j + 1, symbols, b);
      countOne(codes + j + 2, others + j + 2, symbols, c);
      countOne(codes + j + 3, others + j + 3, symbols, d);
    }
    for (let cell: usize = 0; cell < <usize>cells << 2; cell += 4) {
      store<u32>(counts + cell, load<u32>(counts + cell) + load<u32>(b + cell) + load<u32>(c + cell) + load<u32>(d + cell));
    }
  }
  for (; j < count; j++) countOne(codes + j, others + j, symbols, counts);
}

// @ts-ignore: decorator
@inline function countOne(code: usize, other: usize, symbols: i32, counts: usize): void {
  const cell = counts + (<usize>(<i32>load<u8>(other) * symbols + <i32>load<u8>(code)) << 2);
  store<u32>(cell, load<u32>(cell) + 1);
}

/**
 * found[rows] = the class of least cost.
 * @param others u8 [columns], their classes
 * @param prices f64 [cells, classes]
 * @param current u8 [rows], what is kept where none is less
 */
export function assignRows(
  codes: usize, others: usize, prices: usize, current: usize, found: usize, rows: i32, columns: i32, symbols: i32,
  cells: i32, classes: i32, ith: i32, nth: i32,
): void {
  const last = shareStart(rows, 1, ith + 1, nth);
  for (let i = shareStart(rows, 1, ith, nth); i < last; i++) {
    memory.fill(scratch, 0, <usize>cells << 2);
    countRow(codes + <usize>i * columns, others, columns, symbols, cells, scratch);
    store<u8>(found + i, cheapest(scratch, cells, prices, classes, load<u8>(current + i)));
  }
}

/** The same for columns, others being rows. */
export function assignColumns(
  codes: usize, others: usize, prices: usize, current: usize, found: usize, rows: i32, columns: i32, symbols: i32,
  cells: i32, classes: i32, ith: i32, nth: i32,
): void {
  const last = shareStart(columns, NARROWEST, ith + 1, nth);
  const stride = <usize>cells << 2;
  const strip = max(NARROWEST, min(STRIP, CACHE / <i32>stride));
  for (let j = shareStart(columns, NARROWEST, ith, nth); j < last; j += strip) {
    const count = min(strip, last - j);
    memory.fill(scratch, 0, stride * count);
    for (let i = 0; i < rows; i++) {
      const row = codes + <usize>i * columns + j;
      const from = scratch + (<usize>(<i32>load<u8>(others + i) * symbols) << 2);
      for (let k = 0; k < count; k++) {
        const cell = from + stride * k + (<usize>load<u8>(row + k) << 2);
        store<u32>(cell, load<u32>(cell) + 1);
      }
    }
    for (let k = 0; k < count; k++) {
      store<u8>(found + j + k, cheapest(scratch + stride * k, cells, prices, classes, load<u8>(current + j + k)));
    }
  }
}

/** Lists what occurs: f64 count and usize place of the prices of its cell, 16 bytes each. @returns their end */
function occurring(counts: usize, cells: i32, prices: usize, bytes: usize): usize {
  let at = list();
  for (let cell = 0; cell < cells; cell++) {
    const count = load<u32>(counts + (<usize>cell << 2));
    store<f64>(at, <f64>count);
    store<usize>(at, prices, 8);
    prices += bytes;
    at += <usize>(count != 0) << 4;
  }
  return at;
}

/** The class with the least Σ counts·prices, in the order of cells; `current` where none is less. */
function cheapest(counts: usize, cells: i32, prices: usize, classes: i32, current: u8): u8 {
  const room = costs();
  const seen = occurring(counts, cells, prices, <usize>classes << 3);
  if (ASC_FEATURE_SIMD) {
    for (let k: usize = 0; k < <usize>classes << 3; k += 16) {
      let sum = f64x2.splat(0);
      for (let at = list(); at < seen; at += 16) {
        sum = f64x2.add(sum, f64x2.mul(v128.load64_splat(at), v128.load(load<usize>(at, 8) + k)));
      }
      v128.store(room + k, sum);
    }
  } else {
    for (let k: usize = 0; k < <usize>classes << 3; k += 8) {
      let sum: f64 = 0;
      for (let at = list(); at < seen; at += 16) sum += load<f64>(at) * load<f64>(load<usize>(at, 8) + k);
      store<f64>(room + k, sum);
    }
  }
  let best = current;
  for (let k = 0; k < classes; k++) {
    if (load<f64>(room + (<usize>k << 3)) < load<f64>(room + (<usize>best << 3))) best = <u8>k;
  }
  return best;
}
