import type { Sketch } from './types.ts';

/** Values that share one scale in the reference perturbation, as in most 4-bit formats. */
const GROUP = 32;
/** Largest level of the reference grid: symmetric integers −7 … 7. */
const LEVELS = 7;

/** A matrix's reference perturbation: some of its rows rounded to nearest on a coarse grid. */
export interface ReferencePerturbation {
  /** Every `stride`-th row is perturbed, from row 0 on. */
  readonly stride: number;
  /** δW of the perturbed rows, [rows, columns]. */
  readonly delta: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * W − Q(W) for every `stride`-th row, Q the nearest of 15 levels per 32 values with the largest magnitude on the last level.
 * @param weight the perturbed rows alone, [rows, columns]; overwritten
 */
export function referencePerturbation(weight: Float32Array, columns: number, stride: number): ReferencePerturbation {
  const rows = weight.length / columns;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c += GROUP) {
      const end = Math.min(c + GROUP, columns);
      toRoundingError(weight.subarray(r * columns + c, r * columns + end));
    }
  }
  return { stride, delta: weight, rows, columns };
}

/** Values → what rounding leaves of them, in place. */
function toRoundingError(values: Float32Array): void {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  const step = largest / LEVELS || 1;
  for (let i = 0; i < values.length; i++) values[i] -= Math.round(values[i] / step) * step;
}

/** Every fourth row, of very tall matrices every `rows / most`-th, so that the sketch stays a fraction of one product. */
export function sketchStride(rows: number, most = 256): number {
  return Math.max(rows < 16 ? 1 : 4, Math.ceil(rows / most));
}

/** Sums of a sketch while it is being filled. */
export interface SketchSums {
  readonly innerProducts: Float64Array;
  readonly squares: Float64Array;
  readonly rowProducts: Float64Array;
  readonly tokenProducts: Float64Array;
}

export function sketchSums(sequences: number): SketchSums {
  return {
    innerProducts: new Float64Array(sequences),
    squares: new Float64Array(sequences),
    rowProducts: new Float64Array(sequences),
    tokenProducts: new Float64Array(sequences),
  };
}

/**
 * Adds what a program found of some sequences.
 * @param numbers [4, sequences]: inner products, squares, row products, token products
 * @param order number of each sequence
 */
export function addToSketch(sums: SketchSums, numbers: Float64Array, order: readonly number[]): void {
  const n = order.length;
  for (const [s, sequence] of order.entries()) {
    sums.innerProducts[sequence] += numbers[s];
    sums.squares[sequence] += numbers[n + s];
    sums.rowProducts[sequence] += numbers[2 * n + s];
    sums.tokenProducts[sequence] += numbers[3 * n + s];
  }
}

export function finishSketch(sums: SketchSums, kronecker: number, rows: number): Sketch {
  return { ...sums, kronecker, rows };
}
