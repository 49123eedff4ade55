import type { Kernels } from '../kernels/contract.ts';
import type { Sketch } from './types.ts';

/** Values that share one scale in the reference perturbation, as in most 4-bit formats. */
const GROUP = 32;
/** Largest level of the reference grid: symmetric integers −7 … 7. */
const LEVELS = 7;

/** A matrix's reference perturbation: some of its rows rounded to nearest on a coarse grid. */
export interface ReferencePerturbation {
  /** Every `stride`-th row is perturbed, from row 0 on. */
  readonly stride: number;
  /** δW of the perturbed rows, [rows, columns], in the backend's memory. */
  readonly delta: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * W − Q(W) for every `stride`-th row, Q the nearest of 15 levels per 32 values with the largest magnitude on the last level.
 * @param weight [rows, columns]
 */
export function referencePerturbation(
  kernels: Kernels,
  weight: Float32Array,
  columns: number,
  stride: number,
): ReferencePerturbation {
  const rows = Math.ceil(weight.length / columns / stride);
  const delta = kernels.f32(rows * columns);
  for (let r = 0; r < rows; r++) {
    const from = r * stride * columns;
    for (let c = 0; c < columns; c += GROUP) {
      const end = Math.min(c + GROUP, columns);
      roundingError(weight.subarray(from + c, from + end), delta.subarray(r * columns + c, r * columns + end));
    }
  }
  return { stride, delta, rows, columns };
}

function roundingError(values: Float32Array, error: Float32Array): void {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  const step = largest / LEVELS || 1;
  for (let i = 0; i < values.length; i++) error[i] = values[i] - Math.round(values[i] / step) * step;
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

/** Rows of a linear layer's inputs and output gradients, in the backend's memory. */
export interface SketchRows {
  /** Inputs, [order.length·length, columns]. */
  readonly x: Float32Array;
  /** Gradients at the outputs, [order.length·length, width]. */
  readonly g: Float32Array;
  readonly width: number;
  /** Number of each sequence. */
  readonly order: readonly number[];
}

/** Adds whole sequences of one linear layer to its sketch. */
export function addToSketch(
  kernels: Kernels,
  sums: SketchSums,
  perturbation: ReferencePerturbation,
  rows: SketchRows,
): void {
  withChange(kernels, perturbation, rows, (change, length) => {
    const perRow = new Float64Array(perturbation.rows);
    rows.order.forEach((sequence, s) => {
      perRow.fill(0);
      for (let t = s * length; t < (s + 1) * length; t++)
        sums.tokenProducts[sequence] += addToken(perRow, change, rows.g, t, rows.width, perturbation.stride);
      let inner = 0;
      for (const value of perRow) {
        inner += value;
        sums.rowProducts[sequence] += value * value;
      }
      sums.innerProducts[sequence] += inner;
      sums.squares[sequence] += inner * inner;
    });
  });
}

/** perRow_r += g_r·(δw_r·x) of one token; returns the sum of their squares. */
function addToken(
  perRow: Float64Array,
  change: Float32Array,
  g: Float32Array,
  token: number,
  width: number,
  stride: number,
): number {
  const rows = perRow.length;
  let squares = 0;
  for (let r = 0, at = token * rows, from = token * width; r < rows; r++, at++, from += stride) {
    const product = change[at] * g[from];
    perRow[r] += product;
    squares += product * product;
  }
  return squares;
}

/**
 * Adds tokens of the output head. Labels of different tokens are independent, so products of tokens vanish, and the mean
 * over labels is known: E⟨g, δy⟩² is the variance of δy under p. Sequences may come in parts.
 * @param rows.g onehot(ŷ) − p
 */
export function addHeadToSketch(
  kernels: Kernels,
  sums: SketchSums,
  perturbation: ReferencePerturbation,
  rows: SketchRows,
): void {
  const count = perturbation.rows;
  withChange(kernels, perturbation, rows, (change, length) => {
    rows.order.forEach((sequence, s) => {
      for (let t = s * length; t < (s + 1) * length; t++) {
        let inner = 0;
        let mean = 0;
        let square = 0;
        let byRows = 0;
        for (let r = 0, at = t * count, from = t * rows.width; r < count; r++, at++, from += perturbation.stride) {
          const g = rows.g[from];
          const p = g > 0 ? 1 - g : -g;
          const y = change[at];
          inner += g * y;
          mean += p * y;
          square += p * y * y;
          byRows += p * (1 - p) * y * y;
        }
        sums.innerProducts[sequence] += inner;
        sums.squares[sequence] += square - mean * mean;
        sums.rowProducts[sequence] += byRows;
        sums.tokenProducts[sequence] += byRows;
      }
    });
  });
}

/** Calls with δy = x·δWᵀ, [tokens, perturbed rows], and tokens per sequence. */
function withChange(
  kernels: Kernels,
  { delta, rows, columns }: ReferencePerturbation,
  { x, order }: SketchRows,
  use: (change: Float32Array, length: number) => void,
): void {
  const tokens = x.length / columns;
  kernels.scope(() => {
    const change = kernels.f32(tokens * rows);
    kernels.matmulNT(x, delta, change, tokens, rows, columns);
    use(change, tokens / order.length);
  });
}

export function finishSketch(sums: SketchSums, kronecker: number, rows: number): Sketch {
  return { ...sums, kronecker, rows };
}
