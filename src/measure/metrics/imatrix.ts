import type { FactorMetric } from './types.ts';

/** Squared error weighted by the mean square of the input it meets: llama.cpp's importance matrix. */
export const imatrix: FactorMetric = {
  name: 'imatrix',
  stage: 'factors',
  needs: 'activations',
  cost: () => 1,
  nats: false,
  source: 'llama.cpp, tools/imatrix and ggml-quants.c (quant_weights)',
  equation: 'Σ_ij E[x_j²]·δW_ij²',
  open(_kernels, { measurement: { importance } }) {
    return ({ delta }) => {
      let value = 0;
      for (let at = 0; at < delta.length; )
        for (let c = 0; c < importance.length; c++, at++) value += importance[c] * delta[at] ** 2;
      return { value };
    };
  },
};
