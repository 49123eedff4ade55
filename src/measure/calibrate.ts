import { BitbudgetError } from '../core/errors.ts';
import { isHardlyReached, wholeName } from './experts.ts';
import type { Factor, UseSummary } from './types.ts';

export type { Factor } from './types.ts';

/**
 * What the Kronecker form of every use is multiplied with: Σ rowProducts / (2·sequences·length) of its reference
 * perturbation divided by the Kronecker price of the same. Row products hold what the Kronecker form leaves out, above
 * all the products of different tokens (on our tiny model they make attn_v 1.2 to 2.1 times as dear, attn_k 0.8 to 1.5,
 * most others 1.0 to 1.1), with an eighth of the variance of the unbiased squares: what they leave out, the products of
 * different rows, has mean zero for rounding errors. Each factor is shrunk to the pooled one of the same matrix in all
 * blocks, as its error and the spread between blocks demand.
 * @param summaries before calibration
 * @param tokens per sequence
 * @see DerSimonian and Laird, "Meta-analysis in clinical trials" (1986), for the spread between blocks
 */
export function useFactors(summaries: readonly UseSummary[], tokens: number): Factor[] {
  const own = summaries.map(({ sketch }) => ratioToKronecker([sketch], 'rowProducts', tokens));
  const factors = [...own];
  const kinds = Map.groupBy(summaries.keys(), (i) => `${summaries[i].kind} ${summaries[i].use}`);
  for (const same of kinds.values()) {
    if (same.length === 1) continue;
    // Sketches of hardly reached experts do not show what their terms were filled up with.
    const known = same.filter((i) => !isHardlyReached(summaries[i].expert));
    const pooled = ratioToKronecker(
      known.map((i) => summaries[i].sketch),
      'rowProducts',
      tokens,
    );
    const spread = spreadBetween(
      known.map((i) => own[i]),
      pooled.value,
    );
    const taken = { value: pooled.value, standardError: Math.hypot(Math.sqrt(spread), pooled.standardError) };
    for (const i of same) factors[i] = known.includes(i) ? shrink(own[i], pooled, spread) : taken;
  }
  return factors;
}

/** Products of several reference perturbations over their Kronecker prices, with its error over sequences. */
function ratioToKronecker(
  sketches: readonly UseSummary['sketch'][],
  products: 'rowProducts' | 'squares',
  tokens: number,
): Factor {
  const kronecker = sketches.reduce((sum, sketch) => sum + sketch.kronecker, 0);
  if (!(kronecker > 0)) return { value: 1, standardError: 0 };
  const perSequence = new Float64Array(sketches[0][products].length);
  for (const sketch of sketches)
    for (let s = 0; s < perSequence.length; s++) perSequence[s] += sketch[products][s] / (2 * tokens * kronecker);
  const { mean, standardError } = estimate(perSequence);
  return { value: mean, standardError };
}

/** Variance of the true factors: that of the estimates less their own. */
function spreadBetween(factors: readonly Factor[], pooled: number): number {
  const excess = factors.reduce((sum, { value, standardError }) => sum + (value - pooled) ** 2 - standardError ** 2, 0);
  return Math.max(0, excess / Math.max(1, factors.length));
}

function shrink(own: Factor, pooled: Factor, spread: number): Factor {
  const variance = own.standardError ** 2;
  const weight = variance === 0 ? 1 : spread / (spread + variance);
  return {
    value: weight * own.value + (1 - weight) * pooled.value,
    standardError: Math.hypot(
      weight * own.standardError,
      (1 - weight) * Math.hypot(Math.sqrt(spread), pooled.standardError),
    ),
  };
}

/**
 * What prices are multiplied with after all: the sum of all row products over the sum of all (calibrated) Kronecker
 * prices of the reference perturbations, near 1; its error says how well the sum of many prices is known.
 * @param tokens per sequence
 */
export function calibration(summaries: readonly UseSummary[], tokens: number): Factor {
  return ratioToKronecker(
    summaries.map(({ sketch }) => sketch),
    'rowProducts',
    tokens,
  );
}

/**
 * The unbiased form over the calibrated Kronecker form, summed over all reference perturbations: the check of the whole
 * method, 1 within a few standard errors.
 * @param tokens per sequence
 */
export function unbiasedRatio(summaries: readonly UseSummary[], tokens: number): Factor {
  return ratioToKronecker(
    summaries.map(({ sketch }) => sketch),
    'squares',
    tokens,
  );
}

/**
 * Standard error of a tensor's price relative to the price, from the spread of row products over sequences. Uses of
 * one tensor add up.
 * @throws BitbudgetError when the tensor was not measured
 */
export function relativeError(summaries: readonly UseSummary[], tensor: string): number {
  const uses = summaries.filter((summary) => wholeName(summary) === tensor);
  if (uses.length === 0)
    throw new BitbudgetError(`${tensor} was not measured: it is no matrix of this measurement's model`);
  const perSequence = new Float64Array(uses[0].sketch.rowProducts.length);
  for (const { sketch } of uses) for (let s = 0; s < perSequence.length; s++) perSequence[s] += sketch.rowProducts[s];
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
