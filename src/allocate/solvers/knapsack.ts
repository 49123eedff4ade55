import { type Incumbent, solveCore } from '../knapsack/core.ts';
import { capacity, type ReducedGroups, reduceGroups } from '../knapsack/reduce.ts';
import { hullSteps, type Relaxation, relax, type Steps } from '../knapsack/relaxation.ts';
import type { Group, Range } from '../types.ts';
import { Work } from '../work.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

export const knapsack: Solver = {
  name: 'knapsack',
  summary: 'multiple-choice knapsack by dynamic programming over an expanding core',
  exact: true,
  source: 'Pisinger 1995',
  budgets: 'one',
  objectives: ['sum'],
  couplings: [],
  solve(problem, options) {
    const resource = resourceOf(problem);
    return prepareKnapsack(problem.groups, resource).solve(problem.budgets[resource], new Work(options.patience));
  },
};

/** Groups prepared once, for any number of budgets of one resource. */
export interface PreparedKnapsack {
  readonly range: Range;
  /** Least summed loss, proven up to the rounding of float64 sums (1e-12 of the loss). Plans of equal loss are not ranked by cost. */
  solve(budget: number, work?: Work): Answer;
  /** Lower bound by the linear relaxation; Infinity when no choice fits. */
  bound(budget: number): number;
  /** The relaxation's whole steps, and every later step that still fits, with that bound. */
  round(budget: number): Answer;
}

/** @throws UsageError when a number is not usable or a group has no options */
export function prepareKnapsack(groups: readonly Group[], resource: string): PreparedKnapsack {
  const reduced = reduceGroups(groups, resource);
  const steps = hullSteps(reduced);
  return {
    range: reduced.range,
    solve: (budget, work = new Work()) => solveReduced(reduced, steps, capacity(reduced, budget), work),
    bound: (budget) => relaxedLoss(reduced, relax(reduced, steps, capacity(reduced, budget))),
    round(budget) {
      const relaxation = relax(reduced, steps, capacity(reduced, budget));
      const { choice } = fillSlack(reduced, steps, relaxation);
      return { choice: choice.map((option) => reduced.option[option]), bound: relaxedLoss(reduced, relaxation) };
    },
  };
}

function solveReduced(reduced: ReducedGroups, steps: Steps, room: number, work: Work): Answer {
  if (room < 0) return { proven: true };
  const relaxation = relax(reduced, steps, room);
  const incumbent = fillSlack(reduced, steps, relaxation);
  const { choice, excess, excessBound } = solveCore(reduced, relaxation, incumbent, work);
  const proven = excessBound >= excess;
  const loss = choice.reduce((sum, option) => sum + reduced.loss[option], 0);
  return {
    choice: Array.from(choice, (option) => reduced.option[option]),
    bound: proven ? loss : loss - (excess - excessBound),
    proven,
  };
}

function relaxedLoss(reduced: ReducedGroups, { base, slack, price }: Relaxation): number {
  if (slack < 0) return Infinity;
  return base.reduce((sum, option) => sum + reduced.loss[option], 0) - price * slack;
}

/** The whole steps of the relaxation, then every later step that still fits. */
function fillSlack(reduced: ReducedGroups, steps: Steps, { base, slack, price, breakStep }: Relaxation): Incumbent {
  const choice = base.slice();
  let excess = price * slack;
  for (let s = breakStep; s < steps.to.length && slack > 0; s++) {
    const now = choice[steps.group[s]];
    const then = steps.to[s];
    const weight = reduced.weight[then] - reduced.weight[now];
    if (weight > slack) continue;
    choice[steps.group[s]] = then;
    slack -= weight;
    excess -= reduced.loss[now] - reduced.loss[then];
  }
  return { choice, excess: Math.max(0, excess) };
}
