import type { Kernels } from '../contract.ts';

/** y[m,n] (+)= Σ_k a(i,k)·b(k,j), summed in float64. */
function multiply(
  a: (i: number, k: number) => number,
  b: (k: number, j: number) => number,
  y: Float32Array,
  [m, n, k]: [number, number, number],
  accumulate: boolean,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = accumulate ? y[i * n + j] : 0;
      for (let l = 0; l < k; l++) sum += a(i, l) * b(l, j);
      y[i * n + j] = sum;
    }
  }
}

export const matmulKernels: Pick<Kernels, 'matmulNT' | 'matmulNN' | 'matmulTN' | 'gram'> = {
  matmulNT: (x, w, y, m, n, k, accumulate = false) =>
    multiply(
      (i, l) => x[i * k + l],
      (l, j) => w[j * k + l],
      y,
      [m, n, k],
      accumulate,
    ),
  matmulNN: (x, w, y, m, n, k, accumulate = false) =>
    multiply(
      (i, l) => x[i * k + l],
      (l, j) => w[l * n + j],
      y,
      [m, n, k],
      accumulate,
    ),
  matmulTN: (x, w, y, m, n, k, accumulate = false) =>
    multiply(
      (i, l) => x[l * m + i],
      (l, j) => w[l * n + j],
      y,
      [m, n, k],
      accumulate,
    ),
  gram: (x, weight, a, t, n) =>
    multiply(
      (i, l) => x[l * n + i] * (weight?.[l] ?? 1),
      (l, j) => x[l * n + j],
      a,
      [n, n, t],
      true,
    ),
};
