import type { Problem, Solution } from './types.ts';

/** Sums of float64 in another order may differ by this share. */
const RELATIVE_TOLERANCE = 1e-9;

/**
 * Checks an answer against its problem from the definitions alone, with no code of the solver.
 *
 * @returns one line per fault; an empty list means that the answer keeps every promise that can be checked without
 *   solving: it is whole, within the budget, adds up, its bound is consistent, and no single group can be improved
 *   within the bytes left over.
 */
export function check(problem: Problem, solution: Solution): string[] {
  const faults = checkRange(problem, solution);
  if (solution.status === 'infeasible' || solution.status === 'timedOut') {
    if (solution.choice.length > 0) faults.push(`status ${solution.status} comes with a choice`);
    if (solution.status === 'infeasible' && leastBytes(problem) <= problem.budget)
      faults.push(`status infeasible, but the smallest options take ${leastBytes(problem)} of ${problem.budget} bytes`);
    return faults;
  }
  if (solution.choice.length !== problem.groups.length) {
    faults.push(`choice has ${solution.choice.length} entries, expected ${problem.groups.length}`);
    return faults;
  }
  const chosen = problem.groups.map((group, g) => group.options[solution.choice[g]]);
  const missing = chosen.indexOf(undefined as never);
  if (missing >= 0) {
    faults.push(`group ${problem.groups[missing].id} has no option ${solution.choice[missing]}`);
    return faults;
  }
  const bytes = chosen.reduce((sum, option) => sum + option.bytes, 0);
  const loss = chosen.reduce((sum, option) => sum + option.loss, 0);
  if (bytes !== solution.bytes) faults.push(`bytes is ${solution.bytes}, the choices take ${bytes}`);
  if (bytes > problem.budget) faults.push(`choices take ${bytes} bytes, more than the budget of ${problem.budget}`);
  if (!near(loss, solution.loss)) faults.push(`loss is ${solution.loss}, the choices lose ${loss}`);
  if (!near(solution.loss - solution.bound, solution.gap)) faults.push('gap is not loss − bound');
  if (solution.gap < 0) faults.push(`gap is ${solution.gap}, expected ≥ 0`);
  if (solution.status === 'optimal') faults.push(...checkOptimal(problem, solution, bytes));
  return faults;
}

function checkOptimal(problem: Problem, solution: Solution, bytes: number): string[] {
  const faults: string[] = [];
  if (solution.bound !== solution.loss) faults.push('status optimal, but bound and loss differ');
  for (const [g, group] of problem.groups.entries()) {
    const now = group.options[solution.choice[g]];
    const better = group.options.find(
      (option) =>
        bytes - now.bytes + option.bytes <= problem.budget && option.loss < now.loss - tolerance(solution.loss),
    );
    if (better)
      faults.push(`status optimal, but group ${group.id} could take ${better.id} within the budget and lose less`);
  }
  return faults;
}

function checkRange(problem: Problem, { range }: Solution): string[] {
  const most = problem.groups.reduce((sum, group) => sum + Math.max(...group.options.map((option) => option.bytes)), 0);
  const least = leastBytes(problem);
  if (range.least === least && range.most === most) return [];
  return [`range is ${range.least} to ${range.most} bytes, the groups allow ${least} to ${most}`];
}

function leastBytes(problem: Problem): number {
  return problem.groups.reduce((sum, group) => sum + Math.min(...group.options.map((option) => option.bytes)), 0);
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= tolerance(Math.max(Math.abs(a), Math.abs(b)));
}

function tolerance(scale: number): number {
  return RELATIVE_TOLERANCE * Math.max(Math.abs(scale), 1e-3);
}
