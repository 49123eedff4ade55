import { collectKl } from './kl-forms.ts';
import type { LayerMetric } from './types.ts';

/** Squared gradients times squared output changes, token by token: NVIDIA ModelOpt’s gradient score, in units of KL. */
export const outputFisher: LayerMetric = {
  name: 'output-fisher',
  stage: 'layers',
  needs: 'gradients',
  changes: true,
  cost: ({ candidates }) => 3 + candidates,
  nats: true,
  source: 'NVIDIA ModelOpt, auto_quantize with method "gradient"',
  equation: '1/(2·S·T)·Σ_t Σ_i g_ti²·δy_ti²',
  collect: (shape) => collectKl(shape, 'tokens'),
};
