import { UsageError } from '../core/errors.ts';
import { expandSolution, mergeAgreeing } from './agree.ts';
import { infeasible, solutionOf } from './answer.ts';
import { lowerBound } from './bound.ts';
import { costRanges, obstacle, rounded, validate } from './problem.ts';
import { prepareKnapsack } from './solvers/knapsack.ts';
import { solvers } from './solvers/table.ts';
import type { SolveOptions, Solver } from './solvers/types.ts';
import type { Group, Problem, Solution } from './types.ts';
import { Work } from './work.ts';

/**
 * Solves with the solver named, or with the first of the table that takes the problem: the exact knapsack for one budget
 * of summed losses, HiGHS for several budgets and for couplings.
 *
 * An impossible budget is an answer (`infeasible` with the reason and the achievable ranges), not an exception.
 * @throws UsageError when a number is not usable, or the solver does not exist or does not take such problems
 */
export async function solve(problem: Problem, options: SolveOptions & { solver?: string } = {}): Promise<Solution> {
  validate(problem);
  const merged = mergeAgreeing(problem);
  const { problem: simpler } = merged;
  const solver = solverFor(simpler, options.solver);
  const ranges = costRanges(simpler);
  const why = obstacle(simpler, ranges);
  if (why !== undefined) return infeasible(ranges, why);
  const evaluate = options.evaluate && ((choice: readonly number[]) => options.evaluate!(merged.expand(choice)));
  const answer = await solver.solve(simpler, { ...options, evaluate });
  if (answer.choice === undefined && answer.proven) return infeasible(ranges, await contradiction(simpler, options));
  return expandSolution(
    merged,
    solutionOf(simpler, ranges, answer, () => lowerBound(simpler)),
  );
}

/**
 * The multiple-choice knapsack of summed losses under one budget, prepared once for many: `solve` without waiting.
 * @param resource the one that is budgeted
 * @param budgets in any order; answers come in the same order
 * @throws UsageError when a number is not usable
 */
export function solveMany(
  groups: readonly Group[],
  resource: string,
  budgets: readonly number[],
  options: Pick<SolveOptions, 'patience'> = {},
): Solution[] {
  const problems = budgets.map((budget) => ({ groups, budgets: { [resource]: budget } }));
  if (groups.some((group) => group.options.length === 0))
    return problems.map((problem) => infeasible(costRanges(problem), obstacle(problem, costRanges(problem))!));
  const prepared = prepareKnapsack(groups, resource);
  const ranges = { [resource]: prepared.range };
  return problems.map((problem) => {
    if (Number.isNaN(problem.budgets[resource])) validate(problem);
    const why = obstacle(problem, ranges);
    if (why !== undefined) return infeasible(ranges, why);
    const answer = prepared.solve(problem.budgets[resource], new Work(options.patience));
    return solutionOf(problem, ranges, answer, () => prepared.bound(problem.budgets[resource]));
  });
}

/** Why a solver does not take a problem; nothing when it does. */
export function unfit(solver: Solver, problem: Problem): string | undefined {
  const budgets = Object.keys(problem.budgets);
  if (solver.budgets === 'one' && budgets.length !== 1)
    return `takes one budget, the problem has ${budgets.length} (${budgets.join(', ')})`;
  const objective = problem.objective?.kind ?? 'sum';
  if (!solver.objectives.includes(objective))
    return `takes the objective ${solver.objectives.join(' or ')}, the problem's is ${objective}`;
  if (solver.needs !== undefined && !problem.couplings?.some(({ kind }) => kind === solver.needs))
    return `is for couplings of the kind ${solver.needs}, the problem has none`;
  const coupling = problem.couplings?.find(({ kind }) => kind !== 'agree' && !solver.couplings.includes(kind));
  return coupling && `does not heed couplings of the kind ${coupling.kind}`;
}

/**
 * The solver named, or the first of the table that takes the problem.
 * @param problem its agreeing groups merged
 * @throws UsageError when there is none, or it does not take the problem
 */
export function solverFor(problem: Problem, name: string | undefined): Solver {
  const fit = [...solvers.values()].filter((solver) => unfit(solver, problem) === undefined);
  const names = fit.map((solver) => solver.name).join(', ');
  if (name === undefined) {
    if (fit.length === 0)
      throw new UsageError('problem: no solver takes this objective with these budgets and couplings');
    return fit[0];
  }
  const solver = solvers.get(name);
  if (solver === undefined) throw new UsageError(`solver ${name}: there is none, expected one of ${names}`);
  const why = unfit(solver, problem);
  if (why !== undefined) throw new UsageError(`solver ${name} ${why}; use one of ${names || 'none'}`);
  return solver;
}

/** Budgets that can be met each alone but not together: the least of each that the others leave room for. */
async function contradiction(problem: Problem, options: SolveOptions): Promise<string> {
  const { milp } = await import('./solvers/milp.ts');
  const resources = Object.keys(problem.budgets);
  const told: string[] = [];
  for (const resource of resources) {
    const { [resource]: budget, ...others } = problem.budgets;
    const groups = problem.groups.map((group) => ({
      ...group,
      options: group.options.map((option) => ({ ...option, loss: option.costs[resource] })),
    }));
    const least = await milp.solve({ groups, budgets: others, couplings: problem.couplings }, options);
    if (least.choice === undefined) continue;
    const amount = groups.reduce((sum, { options: all }, g) => sum + all[least.choice![g]].loss, 0);
    told.push(`${resource} ≥ ${rounded(amount)} (asked for ${rounded(budget)})`);
  }
  if (told.length === 0) return 'no choice satisfies the couplings';
  return `budgets contradict each other: with the others kept, ${told.join(', ')}`;
}
