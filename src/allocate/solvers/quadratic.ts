import { squaredNorm, withoutOwnEffects } from '../bound.ts';
import { lossOf } from '../objective.ts';
import { type Neighbour, PairSearch } from '../pairs.ts';
import type { Group, Problem } from '../types.ts';
import { RELAXATION_STEPS, Work } from '../work.ts';
import { prepareKnapsack } from './knapsack.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

/** Steps of Frank and Wolfe: each costs one knapsack. */
const STEPS = 60;

/** Share of the loss at which bound and plan count as one. */
const CLOSED = 1e-9;

/**
 * The objective is a linear part plus ½|Σ effect|², which is convex over fractional plans. Frank and Wolfe's method walks
 * there; each step solves a knapsack of slopes, which gives a bound and a plan. The best plan is then improved by changing
 * one group, or two at once.
 */
export const quadratic: Solver = {
  name: 'quadratic',
  summary: 'interactions: convex relaxation by knapsacks for the bound, local search over pairs for the plan',
  exact: false,
  source: 'objective: CLADO (Deng et al. 2023); bound: Frank and Wolfe 1956',
  budgets: 'one',
  objectives: ['quadratic'],
  couplings: [],
  mostOptions: 50_000,
  solve(problem, options): Answer {
    const work = new Work(options.patience);
    const relaxed = frankWolfe(problem, work);
    if (relaxed === undefined) return {};
    const choice = new PairSearch(problem, relaxed.choice).run(work);
    const loss = lossOf(problem, choice);
    return { choice, bound: relaxed.bound, proven: loss - relaxed.bound <= CLOSED * Math.abs(loss) };
  },
};

interface Relaxed extends Neighbour {
  readonly bound: number;
}

/** Only the fractional plan's summed effect is kept: slopes and the step's length need nothing else. */
function frankWolfe(problem: Problem, work: Work): Relaxed | undefined {
  const resource = resourceOf(problem);
  const groups = withoutOwnEffects(problem.groups);
  let sum = new Float64Array(groups[0]?.options[0]?.effect?.length ?? 0);
  let linear = 0;
  let best: Relaxed | undefined;
  let bound = -Infinity;
  const options = groups.reduce((total, group) => total + group.options.length, 0);
  for (let step = 0; step < STEPS && !work.isSpent; step++) {
    work.spend(RELAXATION_STEPS * options);
    const knapsack = prepareKnapsack(withSlopes(groups, sum), resource).solve(problem.budgets[resource], work);
    const { choice } = knapsack;
    if (choice === undefined) return undefined;
    bound = Math.max(bound, (knapsack.bound ?? -Infinity) - 0.5 * squaredNorm(sum));
    const loss = lossOf(problem, choice);
    best = {
      choice: loss < (best?.loss ?? Infinity) ? Array.from(choice) : best!.choice,
      loss: Math.min(loss, best?.loss ?? loss),
      bound,
    };
    if (best.loss - bound <= CLOSED * Math.abs(best.loss)) break;
    const towards = effectOf(groups, choice).map((value, d) => value - sum[d]);
    const rise = linearOf(groups, choice) - linear;
    const length = squaredNorm(towards);
    const slope = rise + towards.reduce((total, value, d) => total + value * sum[d], 0);
    // The first step leaves the origin, which is no plan, and must arrive.
    const share = step === 0 || length === 0 ? 1 : Math.min(1, Math.max(0, -slope / length));
    sum = sum.map((value, d) => value + share * towards[d]);
    linear += share * rise;
    if (share === 0) break;
  }
  return best;
}

/** The objective's slope at a summed effect, as losses. */
function withSlopes(groups: readonly Group[], sum: Float64Array): Group[] {
  return groups.map((group) => ({
    ...group,
    options: group.options.map((option) => ({ ...option, loss: option.loss + dot(option.effect ?? [], sum) })),
  }));
}

function dot(a: ArrayLike<number>, b: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < b.length; d++) sum += a[d] * b[d];
  return sum;
}

function effectOf(groups: readonly Group[], choice: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(groups[0]?.options[0]?.effect?.length ?? 0);
  for (let g = 0; g < groups.length; g++)
    for (let d = 0; d < sum.length; d++) sum[d] += groups[g].options[choice[g]].effect![d];
  return sum;
}

function linearOf(groups: readonly Group[], choice: ArrayLike<number>): number {
  return groups.reduce((sum, { options }, g) => sum + options[choice[g]].loss, 0);
}
