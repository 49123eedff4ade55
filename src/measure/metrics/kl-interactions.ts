import { collectKl } from './kl-forms.ts';
import type { LayerMetric } from './types.ts';

/** The unbiased KL form of the whole plan: a quadratic form of rank S, which holds the interactions of matrices. */
export const klInteractions: LayerMetric = {
  name: 'kl-interactions',
  stage: 'layers',
  needs: 'gradients',
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: true,
  source: 'docs/method.md, equation (1), of the whole plan',
  equation: 'Σ_m KL(m) + 1/(S·T)·Σ_s Σ_{m<n} ⟨G_s, δW_m⟩·⟨G_s, δW_n⟩, m, n matrices',
  collect: (shape) => {
    const collector = collectKl(shape, 'rows', true);
    // Pair products are divided here, so that plans need not know the text.
    const scale = 1 / Math.sqrt(2 * shape.sequences * shape.length);
    return {
      ...collector,
      scores: (changes) =>
        collector.scores(changes).map((score) => ({ ...score, vector: score.vector!.map((v) => v * scale) })),
    };
  },
  /** (Σ_m v_m)² − Σ_m v_m² is twice the sum of pair products; the matrices by themselves are known better from rows. */
  combine(chosen) {
    let value = chosen.reduce((sum, score) => sum + score.value, 0);
    for (let s = 0; s < chosen[0].vector!.length; s++) {
      let [sum, squares] = [0, 0];
      for (const { vector } of chosen) {
        sum += vector![s];
        squares += vector![s] ** 2;
      }
      value += sum * sum - squares;
    }
    return value;
  },
};
