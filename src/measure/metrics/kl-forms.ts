import { estimate } from '../calibrate.ts';
import { sequenceProducts } from './sequence-products.ts';
import type { LayerCollector, LayerShape, Score } from './types.ts';

/** Which products of one perturbation with itself are kept. */
export type KeptProducts = 'square' | 'rows' | 'tokens';

/**
 * KL of every candidate as the mean over sequences of its kept products / (2·tokens), with the standard error of that
 * mean. `vector` holds ⟨G_s, δW⟩ when asked for.
 */
export function collectKl(shape: LayerShape, kept: KeptProducts, withVector = false): LayerCollector {
  const { candidates, sequences, length } = shape;
  const sums = Array.from({ length: candidates }, () => new Float64Array(sequences));
  const inner = Array.from({ length: candidates }, () => new Float64Array(withVector ? sequences : 0));
  return {
    change(layer, candidate, _delta, outputs) {
      for (const products of sequenceProducts(layer, layer.gradients.sampled!, outputs)) {
        sums[candidate][products.sequence] += products[kept] / (2 * length);
        if (withVector) inner[candidate][products.sequence] += products.inner;
      }
    },
    scores: () =>
      sums.map((perSequence, candidate): Score => {
        const { mean: value, standardError } = estimate(perSequence);
        return { value, standardError, ...(withVector ? { vector: Array.from(inner[candidate]) } : {}) };
      }),
  };
}
