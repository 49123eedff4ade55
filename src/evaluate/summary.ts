import { BitbudgetError } from '../core/errors.ts';
import type { TokenScores } from './scores.ts';
import type { Estimate, Evaluation } from './types.ts';

/**
 * Means with standard errors over tokens, as llama-perplexity gives them: tokens count as independent, so the errors
 * are somewhat too small for text.
 * @throws BitbudgetError when a model computed something that is no number, or gave the text a probability that is none: no
 * mean would mean anything
 */
export function summarize(scores: TokenScores): Evaluation {
  refuseNotFinite('the original', scores.nllReference);
  refuseNotFinite('the model', scores.nll.length === 0 ? scores.kl : scores.nll);
  const perplexities = [perplexity(scores.nllReference), perplexity(scores.nll)];
  if (scores.nll.length > 0) {
    refuseBeyondNumbers('the original', scores.nllReference, perplexities[0]);
    refuseBeyondNumbers('the model', scores.nll, perplexities[1]);
  }
  const sorted = Float32Array.from(scores.kl).sort();
  return {
    tokens: scores.kl.length,
    kl: estimate(scores.kl),
    klQuantiles: {
      median: quantile(sorted, 0.5),
      p90: quantile(sorted, 0.9),
      p99: quantile(sorted, 0.99),
      max: sorted[sorted.length - 1],
    },
    ...(scores.nll.length === 0
      ? {}
      : {
          perplexity: perplexities[1],
          referencePerplexity: perplexities[0],
          topAgreement: estimate(scores.agree),
        }),
  };
}

function refuseNotFinite(who: string, nll: Float32Array): void {
  const wrong = nll.find((value) => !Number.isFinite(value));
  if (wrong === undefined) return;
  throw new BitbudgetError(
    `evaluation: ${who} computes ${wrong}, which is nothing to compare; a weight of it is too large or no number`,
  );
}

function refuseBeyondNumbers(who: string, nll: Float32Array, { mean, standardError }: Estimate): void {
  if (Number.isFinite(mean) && standardError !== Infinity) return;
  throw new BitbudgetError(
    `evaluation: ${who} is off by ${estimate(nll).mean.toPrecision(3)} nats at a mean token of the text, so no perplexity of it ` +
      'is a number; a weight of it is too large',
  );
}

/** Mean and its standard error, values taken as independent. */
export function estimate(values: Float32Array): Estimate {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const standardError = values.length > 1 ? Math.sqrt(squares / (values.length - 1) / values.length) : Number.NaN;
  return { mean, standardError };
}

/** exp of the mean negative log-likelihood; its error to first order. */
function perplexity(nll: Float32Array): Estimate {
  const { mean, standardError } = estimate(nll);
  return { mean: Math.exp(mean), standardError: Math.exp(mean) * standardError };
}

/** Linear between order statistics. */
function quantile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}
