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
  readonly rowProducts: Float64Array;
  readonly tokenProducts: Float64Array;
}

export function sketchSums(sequences: number): SketchSums {
  return {
    innerProducts: new Float64Array(sequences),
    rowProducts: new Float64Array(sequences),
    tokenProducts: new Float64Array(sequences),
  };
}

/**
 * Adds whole sequences of one linear layer to its sketch.
 * @param x inputs, [order.length·length, columns]
 * @param g gradients at the outputs, [order.length·length, width]
 * @param order number of each sequence
 */
export function addToSketch(
  kernels: Kernels,
  sums: SketchSums,
  perturbation: ReferencePerturbation,
  x: Float32Array,
  g: Float32Array,
  width: number,
  order: readonly number[],
): void {
  const { delta, rows, columns, stride } = perturbation;
  const tokens = x.length / columns;
  kernels.scope(() => {
    const change = kernels.f32(tokens * rows);
    kernels.matmulNT(x, delta, change, tokens, rows, columns);
    addProducts(sums, change, g, { rows, width, stride, length: tokens / order.length, order });
  });
}

interface ProductShape {
  readonly rows: number;
  readonly width: number;
  readonly stride: number;
  readonly length: number;
  readonly order: readonly number[];
}

function addProducts(sums: SketchSums, change: Float32Array, g: Float32Array, shape: ProductShape): void {
  const { rows, width, stride, length, order } = shape;
  const perRow = new Float64Array(rows);
  for (let s = 0; s < order.length; s++) {
    perRow.fill(0);
    let squares = 0;
    for (let t = s * length; t < (s + 1) * length; t++) {
      for (let r = 0, at = t * rows, from = t * width; r < rows; r++, at++, from += stride) {
        const product = change[at] * g[from];
        perRow[r] += product;
        squares += product * product;
      }
    }
    let inner = 0;
    let rowSquares = 0;
    for (let r = 0; r < rows; r++) {
      inner += perRow[r];
      rowSquares += perRow[r] * perRow[r];
    }
    sums.innerProducts[order[s]] += inner;
    sums.rowProducts[order[s]] += rowSquares;
    sums.tokenProducts[order[s]] += squares;
  }
}

export function finishSketch(sums: SketchSums, kronecker: number, rows: number): Sketch {
  return { ...sums, kronecker, rows };
}
