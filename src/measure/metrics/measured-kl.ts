import type { EvaluationMetric } from './types.ts';

/** True KL of the model with one matrix changed; only the blocks behind the change are run again. */
export const measuredKl: EvaluationMetric = {
  name: 'measured-kl',
  stage: 'evaluations',
  needs: 'evaluations',
  text: 'calibration',
  suffix: true,
  cost: ({ layers, candidates }) => (candidates * 7 * (layers + 1)) / 2,
  nats: true,
  source: 'NVIDIA ModelOpt, auto_quantize with method "kl_div"; ExLlamaV3, util/measure.py',
  equation: 'E_t KL(p ‖ p with δW in one matrix)',
  score: ({ kl, klError }) => ({ value: kl, standardError: klError }),
};
