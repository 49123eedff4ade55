import { Random } from '../../core/random.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { FactorMetric } from './types.ts';

/** Power iterations; the eigenvalue of a gap of 10 % is then known to 1 %. */
const ITERATIONS = 24;

/** The largest eigenvalue of the Kronecker-factored Fisher matrix, by power iteration: an upper bound of the KL form. */
export const hawqEigenvalue: FactorMetric = {
  name: 'hawq-eigenvalue',
  stage: 'factors',
  needs: 'gradients',
  cost: () => 4,
  nats: false,
  source: 'Dong et al., HAWQ (2019), section 3.2, on the Fisher matrix',
  equation: '½·λ_max(A)·max_i b_i·Σ δW²',
  open(kernels, { measurement }) {
    const bound = measurement.pricing.reduce(
      (sum, { a, b }) => sum + 0.5 * largestEigenvalue(kernels, a) * Math.max(...blocksOf(b)),
      0,
    );
    return ({ delta }) => ({ value: bound * delta.reduce((sum, value) => sum + value * value, 0) });
  },
};

/** Maxima of parts: a spread argument of a whole vocabulary would not fit the stack. */
function blocksOf(values: Float32Array): number[] {
  const maxima: number[] = [];
  for (let i = 0; i < values.length; i += 4096) maxima.push(Math.max(...values.subarray(i, i + 4096)));
  return maxima;
}

/** λ_max of a symmetric positive semi-definite matrix a[n,n]. */
export function largestEigenvalue(kernels: Kernels, a: Float32Array): number {
  const n = Math.round(Math.sqrt(a.length));
  const random = new Random(1);
  return kernels.scope(() => {
    const matrix = kernels.upload(a);
    const v = kernels.upload(Float32Array.from({ length: n }, () => random.normal()));
    const next = kernels.f32(n);
    let eigenvalue = 0;
    for (let i = 0; i < ITERATIONS; i++) {
      kernels.matmulNT(v, matrix, next, 1, n, n);
      const norm = Math.hypot(...next);
      eigenvalue = norm;
      if (norm === 0) return 0;
      for (let j = 0; j < n; j++) v[j] = next[j] / norm;
    }
    return eigenvalue;
  });
}
