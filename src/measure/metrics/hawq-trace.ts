import type { TensorMeasurement } from '../types.ts';
import type { FactorMetric } from './types.ts';

/** Mean eigenvalue of the Kronecker-factored Fisher matrix: its trace is known from the factors, without probes. */
export const hawqTrace: FactorMetric = {
  name: 'hawq-trace',
  stage: 'factors',
  needs: 'gradients',
  cost: () => 4,
  nats: true,
  source: 'Dong et al., HAWQ-V2 (2020), equation (7), on the Fisher matrix',
  equation: '½·tr(A)·Σ b / n·Σ δW², n weights',
  open(_kernels, { measurement }) {
    const trace = fisherTrace(measurement);
    return ({ delta }) => ({
      value: ((0.5 * trace) / delta.length) * delta.reduce((sum, value) => sum + value * value, 0),
    });
  },
};

/** tr(A)·Σ b of the Kronecker-factored Fisher matrix, its terms added up. */
export function fisherTrace({ pricing }: TensorMeasurement): number {
  return pricing.reduce((sum, { a, b }) => {
    const columns = Math.round(Math.sqrt(a.length));
    let diagonal = 0;
    for (let j = 0; j < columns; j++) diagonal += a[j * columns + j];
    return sum + diagonal * b.reduce((total, value) => total + value, 0);
  }, 0);
}
