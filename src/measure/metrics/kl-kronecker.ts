import { price, uploadTerms } from '../price.ts';
import type { FactorMetric } from './types.ts';

/** The weighted Kronecker form times its factors, over all rows: what plans are priced with (there on a sample of rows). */
export const klKronecker: FactorMetric = {
  name: 'kl-kronecker',
  stage: 'factors',
  needs: 'gradients',
  cost: () => 4,
  nats: true,
  source: 'docs/method.md, equation (2)',
  equation: '½·Σ_i b_i·δw_i·A·δw_iᵀ, A = E[|g|²·x·xᵀ]',
  open(kernels, { measurement, calibration, relativeError }) {
    const terms = uploadTerms(kernels, measurement.pricing);
    return ({ delta }) => {
      const value = kernels.scope(() => calibration * price(kernels, terms, kernels.upload(delta)).price);
      return { value, standardError: value * relativeError };
    };
  },
};
