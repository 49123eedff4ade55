import { collectKl } from './kl-forms.ts';
import type { LayerMetric } from './types.ts';

/** The unbiased KL form of every candidate by itself, summed. */
export const klAdditive: LayerMetric = {
  name: 'kl-additive',
  stage: 'layers',
  needs: 'gradients',
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: true,
  source: 'docs/method.md, equation (1), matrix by matrix',
  equation: '1/(2·S·T)·Σ_s ⟨G_s, δW⟩²',
  collect: (shape) => collectKl(shape, 'square'),
};
