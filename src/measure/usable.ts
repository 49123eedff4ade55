import { BitbudgetError } from '../core/errors.ts';
import type { UseMeasurement } from './types.ts';

/**
 * Refuses gradients that say nothing: where scores lie so far apart that every prediction is certain, no label is ever a
 * surprise, and all errors of all weights would seem to cost nothing.
 * @param gradients at what the output is computed from, of all sequences
 * @throws BitbudgetError
 */
export function refuseCertainty(gradients: Iterable<Float32Array>): void {
  for (const gradient of gradients) if (gradient.some((value) => value !== 0)) return;
  throw new BitbudgetError(
    'measuring: the model is certain of everything it predicts, so what errors cost cannot be measured or predicted; ' +
      'a weight of it is too large (bitbudget inspect)',
  );
}

/** @throws BitbudgetError naming the first matrix whose sums are no numbers: prices made from them would be none */
export function refuseNotFinite(uses: readonly UseMeasurement[]): void {
  const isMeasured = ({ sketch, importance }: UseMeasurement): boolean =>
    Number.isFinite(sketch.kronecker) && sketch.rowProducts.every(Number.isFinite) && importance.every(Number.isFinite);
  const wrong = uses.find((use) => !isMeasured(use));
  if (wrong === undefined) return;
  throw new BitbudgetError(
    `measuring: what reaches ${wrong.tensor} is beyond float32, so what errors cost cannot be measured or predicted; ` +
      'a weight of the model is too large or no number (bitbudget inspect)',
  );
}
