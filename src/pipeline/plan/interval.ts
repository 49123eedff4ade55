import type { PlanPrediction } from '../../allocate/types.ts';

/** Standard errors on each side of a 90 % normal interval. */
const NINE_OF_TEN = 1.645;

/** Measured losses so many times outside of an interval that nothing of the prediction holds. */
const REFUTED = 10;
/** Intervals whose ends are so many times apart say nothing. */
const EMPTY = 1e4;
/** Below this, float32 arithmetic is what is measured. */
const MEASURABLE = 1e-6;

/** The prediction, marked where a measured loss of the same plan shows that it does not hold. */
export function confronted(prediction: PlanPrediction, measured: number): PlanPrediction {
  const { low, high } = prediction.klInterval ?? { low: prediction.kl, high: prediction.kl };
  const isRefuted = measured > REFUTED * Math.max(high, MEASURABLE) || REFUTED * Math.max(measured, MEASURABLE) < low;
  const isEmpty = high > EMPTY * Math.max(low, MEASURABLE);
  return isRefuted || isEmpty ? { ...prediction, refuted: true } : prediction;
}

/** What a positive quantity lies in nine of ten times, its error relative to it: factors, so that it stays positive. */
export function klInterval(kl: number, error: number): { readonly low: number; readonly high: number } {
  if (!(kl > 0)) return { low: 0, high: NINE_OF_TEN * error };
  const factor = Math.exp((NINE_OF_TEN * error) / kl);
  return { low: kl / factor, high: kl * factor };
}
