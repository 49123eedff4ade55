import { loadBlock } from '../block.ts';

/** Consecutive rows at unit variance, in float32: what trellises and vectors are searched on. */
export interface UnitRows {
  /** Index of the first row. */
  readonly first: number;
  /** Values divided by their row's deviation. [rows, columns] */
  readonly x: Float32Array;
  /** Importance divided by its mean over the row. [rows, columns] */
  readonly w: Float32Array;
  /** √(Σ w x² ÷ Σ w) of each row, 0 where nothing counts. [rows] */
  readonly deviation: Float64Array;
}

/** Values made ready at a time: large enough to share among threads, small beside the tensor. */
const AT_A_TIME = 2 ** 19;

/** All rows, some at a time. @param values [rows, columns] @param importance likewise, default all ones */
export function* unitRows(
  values: Float32Array,
  importance: Float32Array | undefined,
  columns: number,
): Generator<UnitRows> {
  const rows = values.length / columns;
  const step = Math.max(1, Math.floor(AT_A_TIME / columns));
  const rowX = new Float64Array(columns);
  const rowW = new Float64Array(columns);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const x = new Float32Array(count * columns);
    const w = new Float32Array(count * columns);
    const deviation = new Float64Array(count);
    for (let r = 0; r < count; r++) {
      loadBlock(values, importance, (first + r) * columns, columns, rowX, rowW);
      const { mean, spread } = momentsOf(rowX, rowW);
      deviation[r] = spread;
      for (let i = 0; i < columns; i++) {
        if (spread > 0) x[r * columns + i] = rowX[i] / spread;
        w[r * columns + i] = rowW[i] / mean;
      }
    }
    yield { first, x, w, deviation };
  }
}

/** Mean weight, and the weighted deviation from 0. */
function momentsOf(x: Float64Array, w: Float64Array): { mean: number; spread: number } {
  let energy = 0;
  let weight = 0;
  for (let i = 0; i < x.length; i++) {
    energy += w[i] * x[i] * x[i];
    weight += w[i];
  }
  return { mean: weight / x.length, spread: Math.sqrt(energy / weight) };
}
