import { UsageError } from '../core/errors.ts';
import { type Incumbent, solveCore } from './core.ts';
import { type ReducedGroups, reduceGroups } from './problem.ts';
import { hullSteps, type Relaxation, relax, type Steps } from './relaxation.ts';
import type { Group, Problem, Solution } from './types.ts';

export interface SolveOptions {
  /** Milliseconds after which the best plan known is returned with its gap. Default 10,000. */
  timeLimitMs?: number;
}

const DEFAULT_TIME_LIMIT_MS = 10_000;

/**
 * Chooses one option per group so that the summed loss is least and the summed bytes stay within the budget: the
 * multiple-choice knapsack problem, solved to proven optimality (up to the rounding of float64 sums, 1e-12 of the loss).
 * Plans of equal loss are not ranked by bytes.
 *
 * An impossible budget is an answer (`infeasible` with the achievable range), not an exception.
 * @throws UsageError when a number is not usable or a group has no options
 */
export function solve(problem: Problem, options: SolveOptions = {}): Solution {
  return solveMany(problem.groups, [problem.budget], options)[0];
}

/**
 * `solve` for several budgets over the same groups, which are prepared once.
 * @param budgets bytes, in any order; answers come in the same order
 */
export function solveMany(
  groups: readonly Group[],
  budgets: readonly number[],
  options: SolveOptions = {},
): Solution[] {
  const reduced = reduceGroups(groups);
  const steps = hullSteps(reduced);
  const limit = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
  return budgets.map((budget) => solveReduced(reduced, steps, budget, performance.now() + limit));
}

function solveReduced(reduced: ReducedGroups, steps: Steps, budget: number, deadline: number): Solution {
  if (!Number.isFinite(budget)) throw new UsageError(`budget is ${budget}, expected a finite number of bytes`);
  const { range, unit } = reduced;
  if (budget < range.least) {
    return { status: 'infeasible', choice: [], bytes: 0, loss: Infinity, bound: Infinity, gap: 0, range };
  }
  const relaxation = relax(reduced, steps, Math.floor((budget - range.least) / unit));
  const incumbent = fillSlack(reduced, steps, relaxation);
  const { choice, excess, excessBound } = solveCore(reduced, relaxation, incumbent, deadline);
  const proven = excessBound >= excess;
  return {
    ...describe(reduced, choice, proven ? 0 : excess - excessBound),
    status: proven ? 'optimal' : 'feasible',
    range,
  };
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

function describe(reduced: ReducedGroups, flat: Int32Array, gap: number): Omit<Solution, 'status' | 'range'> {
  const choice = Array.from(flat, (option) => reduced.option[option]);
  let bytes = 0;
  let loss = 0;
  for (let g = 0; g < choice.length; g++) {
    const option = reduced.groups[g].options[choice[g]];
    bytes += option.bytes;
    loss += option.loss;
  }
  return { choice, bytes, loss, bound: loss - gap, gap };
}
