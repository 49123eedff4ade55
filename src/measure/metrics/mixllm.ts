import { sequenceProducts } from './sequence-products.ts';
import type { LayerMetric } from './types.ts';

/**
 * Salience of every output feature by the second-order expansion of the text's loss, with the feature's own gradient
 * outer product for a Hessian, ranked globally; a matrix costs what its features cost together.
 */
export const mixllm: LayerMetric = {
  name: 'mixllm',
  stage: 'layers',
  needs: 'gradients',
  textLabels: true,
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: false,
  source: 'Zheng et al., MixLLM (2024), section 3.1',
  equation: '1/(S·T)·Σ_s Σ_i |g_si·δw_i| + ½·(g_si·δw_i)², i output features',
  collect({ candidates, sequences, length }) {
    const values = new Float64Array(candidates);
    return {
      change(layer, candidate, _delta, outputs) {
        for (const { perOutput } of sequenceProducts(layer, layer.gradients.text!, outputs))
          for (const product of perOutput)
            values[candidate] += (Math.abs(product) + 0.5 * product * product) / (sequences * length);
      },
      scores: () => Array.from(values, (value) => ({ value })),
    };
  },
};
