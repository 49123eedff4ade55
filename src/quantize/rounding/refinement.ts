import type { Kernels } from '../../kernels/contract.ts';
import type { Curvature } from '../types.ts';
import type { BlockPlan } from './block-rounder.ts';
import { type Factor, type Feedback, factorize, permuted } from './feedback.ts';

/**
 * How one block is rounded anew while all others stay: with r = Σ over other columns of H_jk·e_k, the loss of the row is
 * (e + H⁻¹r)ᵀH(e + H⁻¹r) up to what the block cannot change, so it aims at w + H⁻¹r under its own curvature H.
 */
export interface BlockRefinement extends BlockPlan {
  /** Curvature within the block, damped, rounding order. [blockSize, blockSize] */
  readonly curvature: Float32Array;
  /** [blockSize, blockSize] */
  readonly inverse: Float32Array;
}

/** The same blocks as `feedback`, each under its own curvature. */
export function refinements(kernels: Kernels, curvature: Curvature, feedback: Feedback): BlockRefinement[] {
  const size = feedback.order.length / feedback.blocks.length;
  return feedback.blocks.map((plan, i) => {
    const own = permuted(curvature, feedback.order.subarray(i * size, (i + 1) * size), feedback.ridge);
    const factor = kernels.scope(() => factorize(kernels, own, size))!; // as definite as the whole
    return { ...plan, u: factor.u, importance: factor.importance, curvature: own, inverse: inverse(factor, size) };
  });
}

/** H⁻¹ = XᵀD⁻¹X with X = U⁻¹, unit upper triangular as U. */
function inverse({ u, conditional }: Factor, n: number): Float32Array {
  const x = new Float64Array(n * n);
  for (let i = n - 1; i >= 0; i--) {
    x[i * n + i] = 1;
    for (let k = i + 1; k < n; k++) {
      for (let j = k; j < n; j++) x[i * n + j] -= u[i * n + k] * x[k * n + j];
    }
  }
  const result = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    for (let i = k; i < n; i++) {
      const left = x[k * n + i] / conditional[k];
      for (let j = k; j < n; j++) result[i * n + j] += left * x[k * n + j];
    }
  }
  return Float32Array.from(result);
}
