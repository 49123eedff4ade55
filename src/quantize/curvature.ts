import type { KroneckerTerm, TensorMeasurement } from '../measure/types.ts';
import type { Curvature } from './types.ts';

/** Curvature from the sequences that rounding may see while the others price its result. */
export function halfCurvature({ rounding, pricing }: TensorMeasurement): Curvature {
  const seen = combined(rounding);
  return curvature(seen, shrinkage(seen, difference(seen, combined(pricing)), 1));
}

/** Curvature from all sequences: what a file is rounded with. */
export function fullCurvature({ rounding, pricing }: TensorMeasurement): Curvature {
  const one = combined(rounding);
  const other = combined(pricing);
  const mean = one.map((value, i) => (value + other[i]) / 2);
  return curvature(mean, shrinkage(mean, difference(one, other), 2));
}

/** Curvature known only by its diagonal: an importance matrix of llama.cpp. */
export function diagonalCurvature(importance: Float32Array): Curvature {
  return { columns: importance.length, diagonal: importance, damping: 0 };
}

/** The same of every matrix by the name of its measurement; of those that are only looked up nothing is known. */
export function importanceCurvature(
  importance: ReadonlyMap<string, Float32Array>,
): (name: string, columns: number) => Curvature {
  return (name, columns) => diagonalCurvature(importance.get(name) ?? new Float32Array(columns).fill(1));
}

function curvature(matrix: Float32Array, damping: number): Curvature {
  const columns = Math.sqrt(matrix.length);
  return { columns, matrix, diagonal: diagonalOf(matrix), damping };
}

/**
 * What rounding minimizes for every row of a matrix: Σ over terms of mean(b)·A. A tied embedding has two terms, one as
 * output head and one as input embedding. Its mean diagonal is 1: rounding minimizes it up to a factor.
 */
function combined(terms: readonly KroneckerTerm[]): Float32Array {
  const matrix = new Float32Array(terms[0].a.length);
  for (const { a, b } of terms) {
    const weight = b.reduce((sum, value) => sum + value, 0) / b.length;
    for (let i = 0; i < matrix.length; i++) matrix[i] += weight * a[i];
  }
  const diagonal = diagonalOf(matrix);
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / diagonal.length;
  return mean > 0 ? matrix.map((value) => value / mean) : matrix;
}

function diagonalOf(matrix: Float32Array): Float32Array {
  const columns = Math.sqrt(matrix.length);
  return Float32Array.from({ length: columns }, (_, j) => matrix[j * columns + j]);
}

/** ‖one − other‖²: twice the variance of either. */
function difference(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, i) => sum + (value - other[i]) ** 2, 0);
}

/** Rounding wants more damping than the estimate closest to the true curvature; measured in docs/decisions/002. */
const BEYOND_CLOSEST = 2;
const LEAST_DAMPING = 0.01;
const LARGEST_SHRINKAGE = 0.95;

/**
 * Damping of a curvature estimated from `halves` parts of the text that two parts of it estimate with the given squared
 * difference. Shrinking S to (1 − ρ)·S + ρ·I is closest to the truth at ρ = Var(S) / ‖S − I‖², a ridge of ρ / (1 − ρ).
 * @see Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004), with the variance
 * from two halves instead of from single samples
 */
function shrinkage(matrix: Float32Array, squaredDifference: number, halves: 1 | 2): number {
  const variance = squaredDifference / (2 * halves);
  const columns = Math.sqrt(matrix.length);
  const distance = matrix.reduce((sum, value) => sum + value * value, -columns); // mean diagonal 1
  if (!(distance > 0)) return LEAST_DAMPING;
  const rho = Math.min(LARGEST_SHRINKAGE, variance / distance);
  return Math.max(LEAST_DAMPING, (BEYOND_CLOSEST * rho) / (1 - rho));
}
