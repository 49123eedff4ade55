import { flatten } from './flat.ts';
import { lagrangian } from './lagrange.ts';
import { prepareKnapsack } from './solvers/knapsack.ts';
import { threshold } from './threshold.ts';
import type { Group, Problem } from './types.ts';

/** Lower bound of the objective by relaxation, in milliseconds; couplings are let go. */
export function lowerBound(problem: Problem): number {
  const { groups, objective } = problem;
  switch (objective?.kind) {
    case 'max':
      return threshold(flatten(problem))?.loss ?? Infinity;
    case 'worst': {
      // The average of the k largest is no less than the average of all.
      const average = sumBound(problem) * Math.min(1, objective.count / Math.max(1, groups.length));
      return groups.every(({ options }) => options.every(({ loss }) => loss >= 0))
        ? Math.max(average, threshold(flatten(problem))?.loss ?? Infinity)
        : average;
    }
    case 'quadratic':
      return sumBound({ ...problem, groups: withoutOwnEffects(groups) });
    default:
      return sumBound(problem);
  }
}

function sumBound(problem: Problem): number {
  const resources = Object.keys(problem.budgets);
  if (resources.length !== 1) return lagrangian(flatten(problem)).bound;
  return prepareKnapsack(problem.groups, resources[0]).bound(problem.budgets[resources[0]]);
}

/**
 * Losses less half of each effect's own square: with them the quadratic objective is a linear part plus ½|Σ effect|²,
 * which is convex, and never below the linear part.
 */
export function withoutOwnEffects(groups: readonly Group[]): Group[] {
  return groups.map((group) => ({
    ...group,
    options: group.options.map((option) => ({ ...option, loss: option.loss - 0.5 * squaredNorm(option.effect ?? []) })),
  }));
}

export function squaredNorm(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < vector.length; d++) sum += vector[d] * vector[d];
  return sum;
}
