import type { Kernels } from '../kernels/contract.ts';
import type { KroneckerTerm } from './types.ts';

/** Predicted KL of one perturbation, nats per token, before calibration. */
export interface Price {
  readonly price: number;
  /** From sampling rows; 0 when all were given. */
  readonly standardError: number;
}

/** Rows of a matrix that stand for all of them. */
export interface RowSample {
  /** Ascending. */
  readonly index: Int32Array;
  /** Probability with which each of them is in the sample. [index.length] */
  readonly inclusion: Float64Array;
}

/** Terms in the backend's memory, as `price` wants them. */
export function uploadTerms(kernels: Kernels, terms: readonly KroneckerTerm[]): KroneckerTerm[] {
  return terms.map(({ a, b }) => ({ a: kernels.upload(a), b }));
}

export function freeTerms(kernels: Kernels, terms: readonly KroneckerTerm[]): void {
  kernels.free(...terms.map(({ a }) => a));
}

/**
 * `count` rows drawn in proportion to what their errors cost (Σ over terms of b_i / Σ b): in an output head a few
 * thousand of a hundred thousand rows carry the loss, and an even sample misses them. Systematic, without randomness.
 * @see Cochran, Sampling Techniques (1977), section 9A.9
 */
export function sampleRows(terms: readonly KroneckerTerm[], count: number): RowSample {
  const rows = terms[0].b.length;
  if (count >= rows)
    return { index: Int32Array.from({ length: rows }, (_, i) => i), inclusion: new Float64Array(rows).fill(1) };
  const share = new Float64Array(rows);
  for (const { b } of terms) {
    const total = sum(b);
    // A small even part keeps rows of no measured share in the game and bounds the weights 1 / inclusion.
    for (let i = 0; i < rows; i++) share[i] += (total > 0 ? (0.9 * b[i]) / total : 0) + 0.1 / rows;
  }
  const inclusion = inclusionProbabilities(share, count);
  const index: number[] = [];
  for (let i = 0, reached = 0.5; i < rows; i++) {
    if (Math.floor(reached + inclusion[i]) > Math.floor(reached) || inclusion[i] >= 1) index.push(i);
    reached += inclusion[i];
  }
  return { index: Int32Array.from(index), inclusion: Float64Array.from(index, (i) => inclusion[i]) };
}

/** min(1, c·share) with c such that they sum to `count`. */
function inclusionProbabilities(share: Float64Array, count: number): Float64Array {
  let certain = 0;
  for (;;) {
    let rest = 0;
    let open = 0;
    const limit = (count - certain) / remaining(share);
    for (let i = 0; i < share.length; i++) {
      if (share[i] === Infinity) continue;
      if (share[i] * limit >= 1) {
        share[i] = Infinity;
        certain++;
        open++;
      } else rest += share[i];
    }
    if (open === 0) return share.map((value) => (value === Infinity ? 1 : (value * (count - certain)) / rest));
  }
}

function remaining(share: Float64Array): number {
  return share.reduce((total, value) => (value === Infinity ? total : total + value), 0);
}

/**
 * ½·Σ_i b_i·δ_i·A·δ_iᵀ, summed over terms. Given a sample of rows, the ratio estimate of the sum over all:
 * Σ_sampled b_i·e_i/π_i ÷ Σ_sampled b_i/π_i · Σ_all b_i.
 * @param terms `a` in the backend's memory
 * @param delta [rows given, columns], in the backend's memory
 * @param rowIndex which rows of the matrix `delta` holds; default all, in order
 * @param inclusion π of every row given (`sampleRows`); default all alike
 * @see Cochran, Sampling Techniques (1977), chapter 6, for the standard error
 */
export function price(
  kernels: Kernels,
  terms: readonly KroneckerTerm[],
  delta: Float32Array,
  rowIndex?: Int32Array,
  inclusion?: Float64Array,
): Price {
  const columns = Math.round(Math.sqrt(terms[0].a.length));
  const rows = delta.length / columns;
  const all = terms[0].b.length;
  const probability = (r: number): number => inclusion?.[r] ?? rows / all;
  let total = 0;
  const residual = new Float64Array(rows);
  for (const { a, b } of terms) {
    const error = rowErrors(kernels, a, delta, rows, columns);
    const weight = Float64Array.from({ length: rows }, (_, r) => b[rowIndex ? rowIndex[r] : r] / probability(r));
    const sampled = sum(weight);
    if (sampled === 0) continue;
    const ratio = weight.reduce((dot, value, r) => dot + value * error[r], 0) / sampled;
    const whole = rows === all ? sampled : sum(b);
    total += ratio * whole;
    for (let r = 0; r < rows; r++) residual[r] += (weight[r] * (error[r] - ratio) * whole) / sampled;
  }
  return { price: total, standardError: samplingError(residual, probability) };
}

/** e_i = ½·δ_i·A·δ_iᵀ per row. */
export function rowErrors(
  kernels: Kernels,
  a: Float32Array,
  delta: Float32Array,
  rows: number,
  columns: number,
): Float64Array {
  const error = new Float64Array(rows);
  kernels.scope(() => {
    const product = kernels.f32(rows * columns);
    kernels.matmulNN(delta, a, product, rows, columns, columns);
    for (let r = 0, at = 0; r < rows; r++) {
      let dot = 0;
      for (let c = 0; c < columns; c++, at++) dot += product[at] * delta[at];
      error[r] = dot / 2;
    }
  });
  return error;
}

function samplingError(residual: Float64Array, probability: (r: number) => number): number {
  const n = residual.length;
  if (n < 2) return 0;
  const squares = residual.reduce((total, value, r) => total + value * value * (1 - probability(r)), 0);
  return Math.sqrt((squares * n) / (n - 1));
}

function sum(values: Float32Array | Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
