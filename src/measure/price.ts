import type { Kernels } from '../kernels/contract.ts';
import type { KroneckerTerm } from './types.ts';

/** Predicted KL of one perturbation, nats per token, before calibration. */
export interface Price {
  readonly price: number;
  /** From sampling rows; 0 when all were given. */
  readonly standardError: number;
}

/** Terms in the backend's memory, as `price` wants them. */
export function uploadTerms(kernels: Kernels, terms: readonly KroneckerTerm[]): KroneckerTerm[] {
  return terms.map(({ a, b }) => ({ a: kernels.upload(a), b }));
}

export function freeTerms(kernels: Kernels, terms: readonly KroneckerTerm[]): void {
  kernels.free(...terms.map(({ a }) => a));
}

/**
 * ½·Σ_i b_i·δ_i·A·δ_iᵀ, summed over terms. Given a sample of rows, the ratio estimate of the sum over all:
 * Σ_sampled b_i·e_i / Σ_sampled b_i · Σ_all b_i.
 * @param terms `a` in the backend's memory
 * @param delta [rowIndex.length, columns], in the backend's memory
 * @param rowIndex which rows of the matrix `delta` holds; default all, in order
 * @see Cochran, Sampling Techniques (1977), chapter 6, for the standard error
 */
export function price(
  kernels: Kernels,
  terms: readonly KroneckerTerm[],
  delta: Float32Array,
  rowIndex?: Int32Array,
): Price {
  const columns = Math.sqrt(terms[0].a.length);
  const rows = delta.length / columns;
  const all = terms[0].b.length;
  let total = 0;
  const residual = new Float64Array(rows);
  for (const { a, b } of terms) {
    const error = rowErrors(kernels, a, delta, rows, columns);
    let sampled = 0;
    let weighted = 0;
    for (let r = 0; r < rows; r++) {
      const share = b[rowIndex ? rowIndex[r] : r];
      sampled += share;
      weighted += share * error[r];
    }
    if (sampled === 0) continue;
    const ratio = weighted / sampled;
    const scale = rows === all ? 1 : sum(b) / sampled;
    total += weighted * scale;
    for (let r = 0; r < rows; r++) residual[r] += b[rowIndex ? rowIndex[r] : r] * (error[r] - ratio) * scale;
  }
  return { price: total, standardError: samplingError(residual, all) };
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

function samplingError(residual: Float64Array, all: number): number {
  const n = residual.length;
  if (n >= all || n < 2) return 0;
  let squares = 0;
  for (const value of residual) squares += value * value;
  return Math.sqrt((squares * n * (1 - n / all)) / (n - 1));
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
