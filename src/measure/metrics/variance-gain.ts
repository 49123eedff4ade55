import type { WeightMetric } from './types.ts';

/**
 * Variance of the noise that rounding puts on a layer's outputs, guessed without data: behind a norm with gain γ the
 * inputs have mean square γ_j². Where no norm feeds the matrix, inputs count as unit. An importance matrix without text,
 * of no paper that we know.
 */
export const varianceGain: WeightMetric = {
  name: 'variance-gain',
  stage: 'weights',
  needs: 'weights',
  cost: () => 0,
  nats: false,
  source: 'importance matrix of llama.cpp, its inputs guessed from the gain of the norm',
  equation: 'Σ_ij γ_j²·δW_ij²',
  score({ tensor, delta }, gains) {
    const columns = tensor.shape[1];
    let value = 0;
    for (let at = 0; at < delta.length; )
      for (let c = 0; c < columns; c++, at++) value += (gains ? gains[c] ** 2 : 1) * delta[at] ** 2;
    return { value };
  },
};
