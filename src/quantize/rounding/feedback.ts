import type { Kernels } from '../../kernels/contract.ts';
import type { Curvature } from '../types.ts';
import type { BlockPlan } from './block-rounder.ts';

/** How a row is rounded from its first block to its last. */
export interface Feedback {
  /** Natural column at each place of the rounding order; columns of a block, and of a group, stay together. [columns] */
  readonly order: Int32Array;
  /** Unit upper triangular: column j aims at w_j + Σ_{i<j} e_i·u[i,j], in rounding order. [columns, columns] */
  readonly u: Float32Array;
  /** The blocks in rounding order. */
  readonly blocks: readonly BlockPlan[];
  /** What was added to the diagonal of the curvature. */
  readonly ridge: number;
}

/**
 * Prepares rounding with feedback for all formats of one block size that round as many columns together. Where its damping
 * leaves the matrix not positive definite, it is raised tenfold.
 * @param together consecutive columns that are rounded in one step, in their natural order; divides blockSize
 * @see Frantar et al., GPTQ (2022); Chee et al., QuIP (2023), LDLQ
 */
export function feedback(kernels: Kernels, curvature: Curvature, blockSize: number, together: number): Feedback {
  const n = curvature.columns;
  const order = roundingOrder(curvature.diagonal, blockSize, together);
  const mean = curvature.diagonal.reduce((sum, value) => sum + value, 0) / n;
  for (let { damping } = curvature; ; damping *= 10) {
    const ridge = mean > 0 ? damping * mean : 1;
    const factor = kernels.scope(() => factorize(kernels, permuted(curvature, order, ridge), n));
    if (factor === undefined) continue;
    const blocks = Array.from({ length: n / blockSize }, (_, i) => blockPlan(order, factor, i * blockSize, blockSize));
    return { order, u: factor.u, blocks, ridge };
  }
}

export interface Factor {
  /** [n, n] */
  readonly u: Float32Array;
  /** The D of H = U·D·Uᵀ: what an error at each place costs once later columns have answered. [n] */
  readonly conditional: Float32Array;
  /**
   * Weight of a squared error at each place in the search for scales: √(H_jj·D_j), between what it costs alone and what
   * it costs once later columns have answered. [n]
   */
  readonly importance: Float32Array;
}

/** Factor of the damped curvature h [n, n] in rounding order; undefined when it is not positive definite. */
export function factorize(kernels: Kernels, h: Float32Array, n: number): Factor | undefined {
  const u = kernels.f32(n * n);
  if (!kernels.feedbackFactor(kernels.upload(h), u, n)) return undefined;
  const diagonal = Float32Array.from({ length: n }, (_, j) => h[j * n + j]);
  const conditional = conditionalLoss(u, diagonal);
  return { u: u.slice(), conditional, importance: conditional.map((d, j) => Math.sqrt(d * diagonal[j])) };
}

/** Curvature between the given natural columns, with the ridge on its diagonal. [order.length, order.length] */
export function permuted(curvature: Curvature, order: Int32Array, ridge: number): Float32Array {
  const n = order.length;
  const matrix = curvature.matrix!;
  const h = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = order[i] * curvature.columns;
    for (let j = 0; j < n; j++) h[i * n + j] = matrix[row + order[j]];
    h[i * n + i] += ridge;
  }
  return h;
}

function blockPlan(order: Int32Array, { u, importance }: Factor, first: number, size: number): BlockPlan {
  const columns = order.length;
  const block = Math.floor(order[first] / size);
  const own = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = (first + i) * columns + first;
    own.set(u.subarray(row, row + size), i * size);
  }
  return {
    block,
    order: order.subarray(first, first + size).map((column) => column - block * size),
    u: own,
    importance: importance.subarray(first, first + size),
  };
}

/**
 * Blocks by falling total curvature, groups of a block likewise: what costs most is rounded while others can still
 * answer. The natural order costs 1.05 times as much, the reverse 1.18 times.
 */
function roundingOrder(diagonal: Float32Array, blockSize: number, together: number): Int32Array {
  const order: number[] = [];
  for (const block of byFallingTotal(diagonal, 0, diagonal.length, blockSize)) {
    for (const group of byFallingTotal(diagonal, block, block + blockSize, together)) {
      for (let i = 0; i < together; i++) order.push(group + i);
    }
  }
  return Int32Array.from(order);
}

/** Starts of the parts of `size` columns within [start, end), by falling sum of their diagonal. */
function byFallingTotal(diagonal: Float32Array, start: number, end: number, size: number): number[] {
  const starts = Array.from({ length: (end - start) / size }, (_, i) => start + i * size);
  const total = new Map(starts.map((at) => [at, diagonal.subarray(at, at + size).reduce((sum, v) => sum + v, 0)]));
  return starts.sort((a, b) => total.get(b)! - total.get(a)! || a - b);
}

/** D_j = H_jj − Σ_{k>j} U_jk²·D_k, from the last column backwards. */
function conditionalLoss(u: Float32Array, diagonal: Float32Array): Float32Array {
  const n = diagonal.length;
  const conditional = new Float32Array(n);
  for (let j = n - 1; j >= 0; j--) {
    let loss = diagonal[j];
    for (let k = j + 1; k < n; k++) loss -= u[j * n + k] * u[j * n + k] * conditional[k];
    conditional[j] = Math.max(loss, 1e-6 * diagonal[j]);
  }
  return conditional;
}
