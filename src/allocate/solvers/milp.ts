import { type Assignment, assignment } from '../assignment.ts';
import { pricedPlan } from '../complete.ts';
import { type Flat, flatten, leastBy, unflatten, used } from '../flat.ts';
import { runHighs } from '../highs.ts';
import { lagrangian, pricedCost } from '../lagrange.ts';
import { fits } from '../problem.ts';
import type { Problem } from '../types.ts';
import { Work } from '../work.ts';
import type { Answer, Solver } from './types.ts';

export const milp: Solver = {
  name: 'milp',
  summary: 'mixed-integer program, branch and cut; options that prices prove useless are left out',
  exact: true,
  source: 'HiGHS (Huangfu and Hall 2018)',
  budgets: 'any',
  objectives: ['sum', 'max', 'worst'],
  couplings: ['requires', 'palette'],
  mostOptions: 50_000,
  async solve(problem, options): Promise<Answer> {
    const flat = flatten(problem);
    const start = isSeparable(problem) ? startingPoint(flat) : undefined;
    const model = assignment(problem, flat, start && ((option) => start.mayImprove(option)));
    return await solveProgram(problem, flat, model, start?.choice, new Work(options.patience));
  },
};

/** Sums under budgets alone, where prices tell what an option costs at least. */
function isSeparable({ objective, couplings = [] }: Problem): boolean {
  return (objective?.kind ?? 'sum') === 'sum' && couplings.length === 0;
}

interface StartingPoint {
  readonly choice: Int32Array;
  /** Whether a plan with the option can lose less than `choice`, or is `choice`. */
  mayImprove(option: number): boolean;
}

/** A plan by prices, and the options whose reduced cost does not already exceed its distance from the bound. */
function startingPoint(flat: Flat): StartingPoint | undefined {
  const dual = lagrangian(flat);
  const choice = pricedPlan(flat, dual);
  if (choice === undefined) return undefined;
  const priced = (option: number): number => flat.loss[option] + pricedCost(flat, dual.price, option);
  const least = leastBy(flat, priced);
  const loss = choice.reduce((sum, option) => sum + flat.loss[option], 0);
  const chosen = new Set(choice);
  const limit = (loss - dual.bound) * (1 + 1e-9) + 1e-12 * Math.abs(loss);
  const group = new Int32Array(flat.loss.length);
  for (let g = 0; g < least.length; g++) group.fill(g, flat.start[g], flat.start[g + 1]);
  return {
    choice,
    mayImprove: (option) => chosen.has(option) || priced(option) - priced(least[group[option]]) <= limit,
  };
}

/** Solves a program and reads the plan from it; a plan that exceeds a budget by HiGHS's tolerance is no plan. */
export async function solveProgram(
  problem: Problem,
  flat: Flat,
  { program, option, lossScale, choiceOf }: Assignment,
  start: Int32Array | undefined,
  work: Work,
  nodes?: number,
): Promise<Answer> {
  const chosen = new Set(start);
  const from = start && isSeparable(problem) ? Array.from(option, (i) => (chosen.has(i) ? 1 : 0)) : undefined;
  const result = await runHighs(program, { iterations: work.iterations, nodes, start: from });
  const { status, value, bound, byClock } = result;
  work.spendIterations(result.iterations);
  if (status === 'infeasible') return { proven: true };
  const scaled = bound / lossScale;
  const choice = value && choiceOf(value);
  if (choice === undefined || !withinBudgets(flat, choice))
    return { choice: start && unflatten(flat, start), bound: scaled, byClock };
  return { choice: unflatten(flat, choice), bound: scaled, proven: status === 'optimal', byClock };
}

function withinBudgets(flat: Flat, choice: Int32Array): boolean {
  return used(flat, choice).every((amount, r) => fits(amount, flat.budget[r]));
}
