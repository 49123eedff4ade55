import { assignment } from '../assignment.ts';
import { complete } from '../complete.ts';
import { flatten, unflatten } from '../flat.ts';
import { runHighs } from '../highs.ts';
import { lagrangian } from '../lagrange.ts';
import type { Problem } from '../types.ts';
import { prepareKnapsack } from './knapsack.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

/**
 * The bound that is shown with every heuristic's plan, and the plan that it suggests. It is weak where few groups are
 * left to choose, where options are far apart, and under the objective `max`, whose relaxation spreads one large loss
 * over many options.
 */
export const linear: Solver = {
  name: 'linear',
  summary: 'linear relaxation, rounded to whole options and filled up',
  exact: false,
  source: 'Sinha and Zoltners 1979; HiGHS for several budgets',
  budgets: 'any',
  objectives: ['sum', 'max', 'worst'],
  couplings: [],
  async solve(problem) {
    const additive = (problem.objective?.kind ?? 'sum') === 'sum';
    if (additive && Object.keys(problem.budgets).length === 1) {
      const resource = resourceOf(problem);
      return prepareKnapsack(problem.groups, resource).round(problem.budgets[resource]);
    }
    return await byProgram(problem);
  },
};

async function byProgram(problem: Problem): Promise<Answer> {
  const flat = flatten(problem);
  const { program, lossScale, choiceOf } = assignment(problem, flat, undefined, true);
  const { status, value, bound } = await runHighs(program);
  if (status === 'infeasible') return { proven: true };
  if (value === undefined) return {};
  const choice = choiceOf(value);
  const fits = complete(flat, choice, lagrangian(flat).price);
  return { choice: fits ? unflatten(flat, choice) : undefined, bound: bound / lossScale };
}
