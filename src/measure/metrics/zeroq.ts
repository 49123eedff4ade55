import type { EvaluationMetric } from './types.ts';

/**
 * Measured KL on text that the model wrote itself: no user data. RMSNorm keeps no statistics to distil inputs from, as
 * batch norm does, so samples of the model's own distribution take the place of distilled data.
 */
export const zeroq: EvaluationMetric = {
  name: 'zeroq',
  stage: 'evaluations',
  needs: 'evaluations',
  text: 'own',
  suffix: true,
  cost: ({ layers, candidates }) => (candidates * 7 * (layers + 1)) / 2,
  nats: true,
  source: 'Cai et al., ZeroQ (2020), equation (4), with the model’s own samples as in Liu et al., LLM-QAT (2023)',
  equation: 'E_t KL(p ‖ p with δW in one matrix), t of the model’s own text',
  score: ({ kl, klError }) => ({ value: kl, standardError: klError }),
};
