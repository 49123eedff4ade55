import { complete } from '../complete.ts';
import { type Flat, flatten, unflatten } from '../flat.ts';
import type { Solver } from './types.ts';

/**
 * Each group's loss is taken as A·exp(−k·cost), as rate–distortion theory has it for many small errors; at one slope for
 * all, every group gets a fractional width, and the largest option within it. Fused groups get one width: groups that
 * agree are merged before.
 */
export const waterfilling: Solver = {
  name: 'waterfilling',
  summary: 'reverse water-filling with fractional widths, rounded down and filled up',
  exact: false,
  source: 'Cover and Thomas, section 10.3.3; Radio (Young 2025)',
  budgets: 'one',
  objectives: ['sum'],
  couplings: [],
  mostOptions: 50_000,
  solve(problem) {
    const flat = flatten(problem);
    const curves = Array.from({ length: flat.start.length - 1 }, (_, g) => fitCurve(flat, g));
    const slope = waterLevel(curves, flat.budget[0]);
    const choice = Int32Array.from(curves, (curve, g) => largestWithin(flat, g, width(curve, slope)));
    return complete(flat, choice, Float64Array.of(slope)) ? { choice: unflatten(flat, choice) } : {};
  },
};

/** loss ≈ exp(intercept − rate × cost), between the smallest and the largest option. */
interface Curve {
  readonly intercept: number;
  readonly rate: number;
  readonly least: number;
  readonly most: number;
}

/** Least squares in the logarithm; options without loss say nothing about the rate. */
function fitCurve({ start, cost, loss }: Flat, g: number): Curve {
  const options = Array.from({ length: start[g + 1] - start[g] }, (_, o) => start[g] + o);
  const costs = options.map((i) => cost[0][i]);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const used = options.filter((i) => loss[i] > 0);
  const mean = (value: (i: number) => number): number => used.reduce((sum, i) => sum + value(i), 0) / used.length;
  const [x, y] = [mean((i) => cost[0][i]), mean((i) => Math.log(loss[i]))];
  const spread = mean((i) => (cost[0][i] - x) ** 2);
  const rate = spread > 0 ? -mean((i) => (cost[0][i] - x) * (Math.log(loss[i]) - y)) / spread : 0;
  return rate > 0 ? { intercept: y + rate * x, rate, least, most } : { intercept: -Infinity, rate: 0, least, most };
}

/** Cost at which one more unit saves `slope`. */
function width({ intercept, rate, least, most }: Curve, slope: number): number {
  if (rate === 0) return least;
  return Math.min(most, Math.max(least, (intercept + Math.log(rate / slope)) / rate));
}

/** The slope at which widths fill the budget, by bisection of its logarithm. */
function waterLevel(curves: readonly Curve[], budget: number): number {
  let low = -700;
  let high = 700;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    const total = curves.reduce((sum, curve) => sum + width(curve, Math.exp(middle)), 0);
    if (total > budget) low = middle;
    else high = middle;
  }
  return Math.exp(high);
}

/** Of the options that cost no more, the one of least loss; the cheapest when none does. */
function largestWithin({ start, cost, loss }: Flat, g: number, limit: number): number {
  let best = -1;
  let cheapest = start[g];
  for (let i = start[g]; i < start[g + 1]; i++) {
    if (cost[0][i] < cost[0][cheapest]) cheapest = i;
    if (cost[0][i] <= limit && (best < 0 || loss[i] < loss[best])) best = i;
  }
  return best < 0 ? cheapest : best;
}
