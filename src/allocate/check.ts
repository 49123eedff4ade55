import type { Coupling, Option, Problem, Solution } from './types.ts';

/** Sums of float64 in another order may differ by this share. */
const RELATIVE_TOLERANCE = 1e-9;

/**
 * Checks an answer against its problem from the definitions alone, with no code of the solvers.
 *
 * @returns one line per fault; an empty list means that the answer keeps every promise that can be checked without
 *   solving: it is whole, within the budgets, heeds the couplings, adds up, its bound is consistent, and, if it is called
 *   optimal, no single group can be improved within what the budgets leave.
 */
export function check(problem: Problem, solution: Solution): string[] {
  const faults = checkRanges(problem, solution);
  if (solution.status === 'infeasible' || solution.status === 'timedOut')
    return [...faults, ...checkNothing(problem, solution)];
  if (solution.choice.length !== problem.groups.length) {
    faults.push(`choice has ${solution.choice.length} entries, expected ${problem.groups.length}`);
    return faults;
  }
  const missing = problem.groups.findIndex(({ options }, g) => options[solution.choice[g]] === undefined);
  if (missing >= 0) {
    faults.push(`group ${problem.groups[missing].id} has no option ${solution.choice[missing]}`);
    return faults;
  }
  const chosen = problem.groups.map((group, g) => group.options[solution.choice[g]]);
  const loss = objective(problem, chosen);
  for (const [resource, budget] of Object.entries(problem.budgets)) {
    const amount = total(chosen, resource);
    const told = solution.costs[resource];
    if (!near(amount, told)) faults.push(`${resource} is ${told}, the choices take ${amount}`);
    if (exceeds(amount, budget))
      faults.push(`choices take ${amount} of ${resource}, more than the budget of ${budget}`);
  }
  faults.push(...checkCouplings(problem, chosen));
  if (!near(loss, solution.loss)) faults.push(`loss is ${solution.loss}, the choices lose ${loss}`);
  if (!near(solution.loss - solution.bound, solution.gap)) faults.push('gap is not loss − bound');
  if (!(solution.gap >= 0)) faults.push(`gap is ${solution.gap}, expected ≥ 0`);
  if (solution.status === 'optimal') faults.push(...checkOptimal(problem, solution, chosen));
  return faults;
}

function checkNothing(problem: Problem, solution: Solution): string[] {
  const faults: string[] = [];
  if (solution.choice.length > 0) faults.push(`status ${solution.status} comes with a choice`);
  if (solution.status !== 'infeasible') return faults;
  if (!solution.reason) faults.push('status infeasible comes without a reason');
  const { groups, budgets, couplings = [] } = problem;
  const names = Object.keys(budgets);
  const simple = names.length <= 1 && couplings.length === 0 && groups.every(({ options }) => options.length > 0);
  if (simple && names.every((name) => extreme(problem, name, Math.min) <= budgets[name]))
    faults.push('status infeasible, but the smallest options keep the budget');
  return faults;
}

function objective({ objective: kind }: Problem, chosen: readonly Option[]): number {
  const losses = chosen.map(({ loss }) => loss).sort((a, b) => b - a);
  const sum = losses.reduce((a, b) => a + b, 0);
  if (kind?.kind === 'max') return losses[0] ?? 0;
  if (kind?.kind === 'worst') return losses.slice(0, kind.count).reduce((a, b) => a + b, 0);
  if (kind?.kind !== 'quadratic') return sum;
  let pairs = 0;
  for (let a = 0; a < chosen.length; a++)
    for (let b = 0; b < a; b++)
      for (let d = 0; d < (chosen[a].effect?.length ?? 0); d++) pairs += chosen[a].effect![d] * chosen[b].effect![d];
  return sum + pairs;
}

function checkCouplings({ groups, couplings = [] }: Problem, chosen: readonly Option[]): string[] {
  const idOf = new Map(groups.map((group, g) => [group.id, chosen[g].id]));
  const broken = (coupling: Coupling): boolean => {
    if (coupling.kind === 'agree') return new Set(coupling.groups.map((id) => idOf.get(id))).size > 1;
    if (coupling.kind === 'palette') return new Set(idOf.values()).size > coupling.most;
    const { group, options, other, otherOptions } = coupling;
    return options.includes(idOf.get(group)!) && !otherOptions.includes(idOf.get(other)!);
  };
  return couplings.filter(broken).map((coupling) => `coupling is not heeded: ${JSON.stringify(coupling)}`);
}

function checkOptimal(problem: Problem, solution: Solution, chosen: readonly Option[]): string[] {
  if (solution.bound !== solution.loss) return ['status optimal, but bound and loss differ'];
  const faults: string[] = [];
  for (const [g, group] of problem.groups.entries()) {
    const better = group.options.find((option) => isBetter(problem, chosen, g, option, solution.loss));
    if (better)
      faults.push(`status optimal, but group ${group.id} could take ${better.id} within the budgets and lose less`);
  }
  return faults;
}

function isBetter(problem: Problem, chosen: readonly Option[], g: number, option: Option, loss: number): boolean {
  // Sums can be told apart by the one option alone, which keeps checks of many groups short.
  const additive = (problem.objective?.kind ?? 'sum') === 'sum';
  if (additive && option.loss >= chosen[g].loss - tolerance(loss)) return false;
  const changed = chosen.with(g, option);
  return (
    Object.entries(problem.budgets).every(([name, budget]) => total(changed, name) <= budget) &&
    checkCouplings(problem, changed).length === 0 &&
    objective(problem, changed) < loss - tolerance(loss)
  );
}

/** Groups that agree have fewer choices: there the range told may be narrower. */
function checkRanges(problem: Problem, { ranges }: Solution): string[] {
  const agreeing = problem.couplings?.some(({ kind }) => kind === 'agree') ?? false;
  return Object.keys(problem.budgets).flatMap((resource) => {
    const least = extreme(problem, resource, Math.min);
    const most = extreme(problem, resource, Math.max);
    const told = ranges[resource];
    const same = told !== undefined && near(told.least, least) && near(told.most, most);
    if (same || (agreeing && told?.least >= least && told.most <= most)) return [];
    return [`range of ${resource} is ${told?.least} to ${told?.most}, the groups allow ${least} to ${most}`];
  });
}

function extreme({ groups }: Problem, resource: string, pick: (...costs: number[]) => number): number {
  return groups
    .filter(({ options }) => options.length > 0)
    .reduce((sum, { options }) => sum + pick(...options.map(({ costs }) => costs[resource])), 0);
}

function total(chosen: readonly Option[], resource: string): number {
  return chosen.reduce((sum, { costs }) => sum + costs[resource], 0);
}

/** Whole numbers are compared exactly. */
function exceeds(amount: number, budget: number): boolean {
  return amount > budget && (Number.isInteger(amount) || !near(amount, budget));
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= tolerance(Math.max(Math.abs(a), Math.abs(b)));
}

function tolerance(scale: number): number {
  return RELATIVE_TOLERANCE * Math.max(Math.abs(scale), 1e-3);
}
