import type { KroneckerTerm } from '../measure/types.ts';
import type { Curvature } from './types.ts';

/**
 * What rounding minimizes for every row of a matrix: Σ over terms of mean(b)·A. A tied embedding has two terms, one as
 * output head and one as input embedding.
 * @param halves the same terms from several parts of the text; their mean is taken
 */
export function curvatureOf(...halves: readonly (readonly KroneckerTerm[])[]): Curvature {
  const columns = Math.round(Math.sqrt(halves[0][0].a.length));
  const matrix = new Float32Array(columns * columns);
  for (const terms of halves) {
    for (const { a, b } of terms) {
      const weight = b.reduce((sum, value) => sum + value, 0) / b.length / halves.length;
      for (let i = 0; i < matrix.length; i++) matrix[i] += weight * a[i];
    }
  }
  return { columns, matrix, diagonal: Float32Array.from({ length: columns }, (_, j) => matrix[j * columns + j]) };
}

/** Curvature known only by its diagonal: an importance matrix of llama.cpp. */
export function diagonalCurvature(importance: Float32Array): Curvature {
  return { columns: importance.length, diagonal: importance };
}
