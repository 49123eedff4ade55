import { scratch, shareStart } from '../share';

/** Counts of codes by classes, and the classes that are shortest; see src/numeric/entropy/classes.ts. */

/** Columns that are counted together. */
const STRIP: i32 = 64;
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
    countRow(codes + <usize>i * columns, ofColumn, columns, symbols, counts + ofClass * load<u8>(ofRow + i));
  }
}

function countRow(codes: usize, others: usize, count: i32, symbols: i32, counts: usize): void {
  for (let j = 0; j < count; j++) {
    const cell = counts + (<usize>(<i32>load<u8>(others + j) * symbols + <i32>load<u8>(codes + j)) << 2);
    store<u32>(cell, load<u32>(cell) + 1);
  }
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
    countRow(codes + <usize>i * columns, others, columns, symbols, scratch);
    store<u8>(found + i, cheapest(scratch, cells, prices, classes, load<u8>(current + i)));
  }
}

/** The same for columns, others being rows. */
export function assignColumns(
  codes: usize, others: usize, prices: usize, current: usize, found: usize, rows: i32, columns: i32, symbols: i32,
  cells: i32, classes: i32, ith: i32, nth: i32,
): void {
  const last = shareStart(columns, STRIP, ith + 1, nth);
  const stride = <usize>cells << 2;
  for (let j = shareStart(columns, STRIP, ith, nth); j < last; j += STRIP) {
    const count = min(STRIP, last - j);
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

/** The class with the least Σ counts·prices, in the order of cells; `current` where none is less. */
function cheapest(counts: usize, cells: i32, prices: usize, classes: i32, current: u8): u8 {
  const room = costs();
  memory.fill(room, 0, <usize>classes << 3);
  if (ASC_FEATURE_SIMD) {
    for (let k: usize = 0; k < <usize>classes << 3; k += 16) {
      let sum = f64x2.splat(0);
      for (let cell = 0; cell < cells; cell++) {
        const count = load<u32>(counts + (<usize>cell << 2));
        if (count == 0) continue;
        const price = v128.load(prices + (<usize>(cell * classes) << 3) + k);
        sum = f64x2.add(sum, f64x2.mul(f64x2.splat(<f64>count), price));
      }
      v128.store(room + k, sum);
    }
  } else {
    for (let cell = 0; cell < cells; cell++) {
      const count = load<u32>(counts + (<usize>cell << 2));
      if (count == 0) continue;
      for (let k = 0; k < classes; k++) {
        const sum = room + (<usize>k << 3);
        store<f64>(sum, load<f64>(sum) + <f64>count * load<f64>(prices + (<usize>(cell * classes + k) << 3)));
      }
    }
  }
  let best = current;
  for (let k = 0; k < classes; k++) {
    if (load<f64>(room + (<usize>k << 3)) < load<f64>(room + (<usize>best << 3))) best = <u8>k;
  }
  return best;
}
