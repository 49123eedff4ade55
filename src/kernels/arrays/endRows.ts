/* Copies of columns: memory moves at its own speed here, and other devices would not be faster. */

/** Columns of every row. */
export interface ColumnsShape {
  readonly start: number;
  readonly count: number;
  /** Default: as many as the part has. */
  readonly rows?: number;
}

/** A sequence's first or last row, as columns of the whole sequence. */
export function endOf(last: unknown, length: number, columns: number): ColumnsShape {
  return { start: last === true ? (length - 1) * columns : 0, count: columns };
}

/** y[rows, count] = x[rows, width] from column `start` on. */
export function takeColumns(x: Float32Array, y: Float32Array, width: number, shape: ColumnsShape): void {
  const { start, count, rows = rowsOf(y, count) } = shape;
  for (let row = 0; row < rows; row++) {
    const from = row * width + start;
    y.set(x.subarray(from, from + count), row * count);
  }
}

/** y[rows, width] = x[rows, count] from column `start` on, zeros elsewhere. */
export function placeColumns(x: Float32Array, y: Float32Array, width: number, shape: ColumnsShape): void {
  const { start, count, rows = rowsOf(x, count) } = shape;
  y.fill(0);
  for (let row = 0; row < rows; row++) y.set(x.subarray(row * count, (row + 1) * count), row * width + start);
}

const rowsOf = (part: Float32Array, count: number): number => (count === 0 ? 0 : part.length / count);
