import type { Kernels } from '../contract.ts';
import type { Team } from './team.ts';

type MatmulKernels = Pick<Kernels, 'matmulNT' | 'matmulNN' | 'matmulTN' | 'gram'>;

/** All three products are one kernel with different strides: [row, k] of x, [k, column] of w. */
export function matmulKernels(team: Team): MatmulKernels {
  const multiply = (
    x: Float32Array,
    [xRow, xK]: [number, number],
    w: Float32Array,
    [wK, wColumn]: [number, number],
    y: Float32Array,
    [m, n, k]: [number, number, number],
    accumulate: boolean,
  ) => {
    requireLength('x', x, m * k);
    requireLength('w', w, n * k);
    requireLength('y', y, m * n);
    const operands = [team.address(x), xRow, xK, team.address(w), wK, wColumn, team.address(y), n];
    team.dispatch('matmul', [...operands, m, n, k, accumulate ? 1 : 0], m * n * k);
  };
  return {
    matmulNT: (x, w, y, m, n, k, accumulate = false) => multiply(x, [k, 1], w, [1, k], y, [m, n, k], accumulate),
    matmulNN: (x, w, y, m, n, k, accumulate = false) => multiply(x, [k, 1], w, [n, 1], y, [m, n, k], accumulate),
    matmulTN: (x, w, y, m, n, k, accumulate = false) => multiply(x, [1, m], w, [n, 1], y, [m, n, k], accumulate),
    gram: (x, weight, a, t, n) => {
      requireLength('x', x, t * n);
      requireLength('a', a, n * n);
      if (weight) requireLength('weight', weight, t);
      const weights = weight ? team.address(weight) : 0;
      team.dispatch('gram', [team.address(x), weights, team.address(a), t, n, n], (t * n * n) / 2);
      team.dispatch('mirror', [team.address(a), n], n * n);
    },
  };
}

/** A kernel would write past a short array into its neighbour. */
export function requireLength(name: string, array: { length: number }, needed: number): void {
  if (array.length < needed) {
    throw new RangeError(`kernel argument ${name} has ${array.length} values, its shape needs ${needed}`);
  }
}
