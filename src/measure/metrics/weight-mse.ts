import type { WeightMetric } from './types.ts';

/** Squared weight error: every weight counts alike. */
export const weightMse: WeightMetric = {
  name: 'weight-mse',
  stage: 'weights',
  needs: 'weights',
  cost: () => 0,
  nats: false,
  source: 'rate–distortion theory; llama-quantize without an importance matrix',
  equation: 'Σ δW²',
  score: ({ delta }) => ({ value: delta.reduce((sum, value) => sum + value * value, 0) }),
};
