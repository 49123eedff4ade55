import type { WeightMetric } from './types.ts';

/** Noise over signal, the inverse of the signal-to-quantization-noise ratio: every matrix counts alike. */
export const sqnr: WeightMetric = {
  name: 'sqnr',
  stage: 'weights',
  needs: 'weights',
  cost: () => 0,
  nats: false,
  source: 'Lin et al., Fixed Point Quantization of Deep Convolutional Networks (2016), section 3',
  equation: 'Σ δW² / Σ W²',
  score({ weight, delta }) {
    const noise = delta.reduce((sum, value) => sum + value * value, 0);
    const signal = weight.reduce((sum, value) => sum + value * value, 0);
    return { value: signal > 0 ? noise / signal : 0 };
  },
};
