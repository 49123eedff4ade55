import type { BitPlan } from '../../allocate/types.ts';
import { MEASURABLE } from './words.ts';

/** Bits per weight from which on halves are near enough. */
const FINE_UNTIL = 5;
/** Most bits per weight that anyone needs a line for; where even the smallest file has more, so many beyond it. */
const MOST = 8;

/** Plans worth a line: up to the first whose loss is below what can be measured. @param weights of the model */
export function landmarks(plans: readonly BitPlan[], weights: number): BitPlan[] {
  const bits = ({ prediction }: BitPlan): number => (8 * prediction!.fileBytes) / weights;
  const most = bits(plans[0]) < MOST ? MOST : bits(plans[0]) + MOST;
  const end = plans.findIndex((plan) => plan.prediction!.kl < MEASURABLE || bits(plan) > most);
  const worth = end < 0 ? plans : plans.slice(0, end);
  // Sizes lie a little below the quarters that they were solved for.
  return worth.filter((plan, i) => i === 0 || bits(plan) <= FINE_UNTIL || Math.round(4 * bits(plan)) % 2 === 0);
}

/**
 * Where saving begins to cost more than it did: the point of the curve of log KL over size that lies farthest below the line between its ends.
 * @returns its index; -1 where the curve has no bend
 * @see Satopää et al., "Finding a kneedle in a haystack" (2011)
 */
export function knee(plans: readonly BitPlan[]): number {
  if (plans.length < 3) return -1;
  const points = plans.map(({ prediction }) => [prediction!.fileBytes, Math.log(prediction!.kl)] as const);
  const [[x0, y0], [x1, y1]] = [points[0], points[points.length - 1]];
  const below = points.map(([x, y]) => y0 + ((y1 - y0) * (x - x0)) / (x1 - x0) - y);
  const most = Math.max(...below);
  return most > 0 ? below.indexOf(most) : -1;
}
