import type { WeightMetric } from './types.ts';

/**
 * Variance of the noise that rounding puts on a layer's outputs, guessed without data: behind a norm with gain γ the
 * inputs have mean square γ_j². Where no norm feeds the matrix, inputs count as unit.
 */
export const varianceGain: WeightMetric = {
  name: 'variance-gain',
  stage: 'weights',
  needs: 'weights',
  cost: () => 0,
  nats: false,
  source: 'the variance and γ rules of convolutional networks, with the gain of RMSNorm in the place of batch norm’s γ',
  equation: 'Σ_ij γ_j²·δW_ij²',
  score({ tensor, delta }, gains) {
    const columns = tensor.shape[1];
    let value = 0;
    for (let at = 0; at < delta.length; )
      for (let c = 0; c < columns; c++, at++) value += (gains ? gains[c] ** 2 : 1) * delta[at] ** 2;
    return { value };
  },
};
