import { collectKl } from './kl-forms.ts';
import type { LayerMetric } from './types.ts';

/** The KL form of the actual δW without products of different rows, which have mean zero and most of the variance. */
export const klRows: LayerMetric = {
  name: 'kl-rows',
  stage: 'layers',
  needs: 'gradients',
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: true,
  source: 'docs/method.md, the sketch’s row products for the actual δW',
  equation: '1/(2·S·T)·Σ_s Σ_i ⟨G_si, δw_i⟩²',
  collect: (shape) => collectKl(shape, 'rows'),
};
