import { fisherTrace } from './hawq-trace.ts';
import type { FactorMetric } from './types.ts';

/**
 * Bits by layer sensitivity and weight variance: rounding to b bits is taken to leave γ·σ²·2^(−2b) of every weight, whatever
 * the format, and the layer's sensitivity is its mean Fisher eigenvalue. γ is one factor for all and changes no plan; it is
 * 1. Chosen by `waterfilling`, widths are the rule's own: the mean width plus ½·log2 of sensitivity times variance over
 * their geometric mean.
 * @see Hasan, "Optimizing Large Language Models through Quantization", 2024: known to us by its abstract alone
 */
export const varianceRule: FactorMetric = {
  name: 'variance-rule',
  stage: 'factors',
  needs: 'gradients',
  cost: () => 4,
  nats: false,
  source: 'Hasan, Optimizing Large Language Models through Quantization (2024), by its abstract',
  equation: '½·tr(A)·Σ b·γ·σ²·2^(−2·bits), σ² the variance of the weights, γ = 1',
  open(_kernels, { measurement }) {
    const trace = fisherTrace(measurement);
    return ({ weight, bits }) => ({ value: 0.5 * trace * variance(weight) * 2 ** (-2 * bits) });
  },
};

function variance(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}
