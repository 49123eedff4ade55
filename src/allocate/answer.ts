import { lossOf } from './objective.ts';
import type { Answer } from './solvers/types.ts';
import type { Problem, Range, Solution } from './types.ts';

/** Share of the loss within which a bound reaches it. */
const ROUNDING = 1e-12;

/** A solver's answer with everything that follows from it. @param fallbackBound asked for when the solver proved none */
export function solutionOf(
  problem: Problem,
  ranges: Readonly<Record<string, Range>>,
  answer: Answer,
  fallbackBound: () => number,
): Solution {
  const { choice } = answer;
  if (choice === undefined) {
    const bound = answer.bound ?? (answer.proven ? Infinity : fallbackBound());
    return {
      ...withoutChoice(ranges),
      bound,
      status: answer.proven ? 'infeasible' : 'timedOut',
      ...(answer.byClock && { byClock: true }),
    };
  }
  const loss = lossOf(problem, choice);
  const lower = answer.proven ? loss : (answer.bound ?? fallbackBound());
  // Bounds are sums in another order than the loss.
  const proven = loss - lower <= ROUNDING * Math.abs(loss);
  const bound = proven ? loss : lower;
  return {
    status: proven ? 'optimal' : 'feasible',
    choice: Array.from(choice),
    costs: costsOf(problem, choice),
    loss,
    bound,
    gap: loss - bound,
    ranges,
    ...(answer.byClock && { byClock: true }),
  };
}

export function infeasible(ranges: Readonly<Record<string, Range>>, reason: string): Solution {
  return { ...withoutChoice(ranges), bound: Infinity, status: 'infeasible', reason };
}

function withoutChoice(ranges: Readonly<Record<string, Range>>): Omit<Solution, 'status' | 'bound'> {
  return { choice: [], costs: {}, loss: Infinity, gap: 0, ranges };
}

function costsOf({ groups, budgets }: Problem, choice: ArrayLike<number>): Record<string, number> {
  const total = (resource: string): number =>
    groups.reduce((sum, { options }, g) => sum + options[choice[g]].costs[resource], 0);
  return Object.fromEntries(Object.keys(budgets).map((resource) => [resource, total(resource)]));
}
