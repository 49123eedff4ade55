import type { EvaluationMetric } from './types.ts';

/** Error of the output of the block that holds the matrix, relative to what the block adds to the residual stream. */
export const blockReconstruction: EvaluationMetric = {
  name: 'block-reconstruction',
  stage: 'evaluations',
  needs: 'activations',
  text: 'calibration',
  suffix: false,
  cost: ({ candidates }) => 1 + 7 * candidates,
  nats: false,
  source: 'Li et al., BRECQ (2021), section 3.2',
  equation: 'Σ_t |z_t − z′_t|² / Σ_t |z_t − x_t|², x → z the block',
  score: ({ reconstruction }) => ({ value: reconstruction }),
};
