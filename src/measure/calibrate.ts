import { BitbudgetError } from '../core/errors.ts';
import type { UseSummary } from './types.ts';

/** A factor with its standard error. */
export interface Factor {
  readonly value: number;
  readonly standardError: number;
}

/**
 * What Kronecker prices are multiplied with to agree with the unbiased form: Σ ⟨G_s, δW⟩² / (2·sequences·length) over
 * the reference perturbations of all uses, divided by the sum of their Kronecker prices. The standard error is from the
 * spread over sequences (delta method).
 * @param tokens per sequence
 */
export function calibration(summaries: readonly UseSummary[], tokens: number): Factor {
  const sequences = summaries[0].sketch.innerProducts.length;
  const perSequence = new Float64Array(sequences);
  let kronecker = 0;
  for (const { sketch } of summaries) {
    kronecker += sketch.kronecker;
    for (let s = 0; s < sequences; s++) perSequence[s] += sketch.innerProducts[s] ** 2 / (2 * tokens);
  }
  const { mean, standardError } = estimate(perSequence);
  return { value: mean / kronecker, standardError: standardError / kronecker };
}

/**
 * Standard error of a tensor's price relative to the price, from the spread of Σ_t Σ_i g_ti²·(δw_i·x_t)² over
 * sequences. Uses of one tensor add up.
 * @throws BitbudgetError when the tensor was not measured
 */
export function relativeError(summaries: readonly UseSummary[], tensor: string): number {
  const uses = summaries.filter((summary) => summary.tensor === tensor);
  if (uses.length === 0)
    throw new BitbudgetError(`${tensor} was not measured: it is no matrix of this measurement's model`);
  const perSequence = new Float64Array(uses[0].sketch.tokenProducts.length);
  for (const { sketch } of uses) for (let s = 0; s < perSequence.length; s++) perSequence[s] += sketch.tokenProducts[s];
  const { mean, standardError } = estimate(perSequence);
  return mean > 0 ? standardError / mean : 0;
}

/** Mean and its standard error. */
export function estimate(values: Float64Array): { mean: number; standardError: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: Math.sqrt(squares / (n * (n - 1))) };
}
