import { UsageError } from '../core/errors.ts';
import { checkOption } from './knapsack/reduce.ts';
import type { Coupling, Group, Problem, Range } from './types.ts';

/** Fewest and most of a resource that any choice takes. */
export function costRange(groups: readonly Group[], resource: string): Range {
  let least = 0;
  let most = 0;
  let largestGroup = '';
  let largest = -1;
  for (const { id, options } of groups) {
    let groupLeast = options.length === 0 ? 0 : Infinity;
    let groupMost = 0;
    for (const { costs } of options) {
      groupLeast = Math.min(groupLeast, costs[resource]);
      groupMost = Math.max(groupMost, costs[resource]);
    }
    if (groupLeast > largest) {
      largest = groupLeast;
      largestGroup = id;
    }
    least += groupLeast;
    most += groupMost;
  }
  return { least, most, largestGroup };
}

/** `costRange` of every budgeted resource. */
export function costRanges({ groups, budgets }: Problem): Record<string, Range> {
  return Object.fromEntries(Object.keys(budgets).map((resource) => [resource, costRange(groups, resource)]));
}

/**
 * What makes a problem impossible at a glance: a group without options, or a budget below the smallest choices.
 * @returns one line, or nothing when a plan may exist
 */
export function obstacle(problem: Problem, ranges: Readonly<Record<string, Range>>): string | undefined {
  const empty = problem.groups.find((group) => group.options.length === 0);
  if (empty) return `group ${empty.id} has no options; give it at least one`;
  for (const [resource, budget] of Object.entries(problem.budgets)) {
    const { least, most, largestGroup } = ranges[resource];
    if (fits(least, budget)) continue;
    const largest = largestGroup === '' ? '' : `the largest part is ${largestGroup}; `;
    const [from, to] = [rounded(least), rounded(most)];
    return `${resource}: the smallest choices take ${from}, the budget is ${rounded(budget)} (${largest}ask for ${from} to ${to})`;
  }
  return undefined;
}

/** For messages: whole numbers as they are, six digits of fractions. */
export function rounded(amount: number): number {
  return Number.isInteger(amount) ? amount : Number(amount.toPrecision(6));
}

/** Sums of fractional costs may differ by this share; whole numbers are compared exactly. */
const FRACTIONAL_TOLERANCE = 1e-12;

/** Whether a sum of costs stays within a budget. */
export function fits(cost: number, budget: number): boolean {
  return cost <= budget || (!Number.isInteger(cost) && cost <= budget + FRACTIONAL_TOLERANCE * Math.abs(budget));
}

/** @throws UsageError for numbers that no solver can use, and couplings of groups that do not exist */
export function validate({ groups, budgets, objective, couplings = [] }: Problem): void {
  for (const [resource, budget] of Object.entries(budgets)) {
    if (Number.isNaN(budget)) throw new UsageError(`budget of ${resource} is ${budget}, expected a number`);
    for (const { id, options } of groups) for (const option of options) checkOption(id, option, resource);
  }
  if (objective?.kind === 'worst' && !(Number.isSafeInteger(objective.count) && objective.count > 0))
    throw new UsageError(`objective worst: count is ${objective.count}, expected a whole number ≥ 1`);
  if (objective?.kind === 'quadratic') checkEffects(groups);
  const ids = new Set(groups.map((group) => group.id));
  for (const coupling of couplings) {
    const unknown = groupsOf(coupling).find((id) => !ids.has(id));
    if (unknown !== undefined) throw new UsageError(`coupling ${coupling.kind}: there is no group ${unknown}`);
  }
}

function groupsOf(coupling: Coupling): readonly string[] {
  if (coupling.kind === 'agree') return coupling.groups;
  return coupling.kind === 'requires' ? [coupling.group, coupling.other] : [];
}

function checkEffects(groups: readonly Group[]): void {
  const directions = groups[0]?.options[0]?.effect?.length ?? 0;
  for (const { id, options } of groups)
    for (const option of options)
      if ((option.effect?.length ?? 0) !== directions)
        throw new UsageError(
          `group ${id} option ${option.id}: effect has ${option.effect?.length ?? 0} entries, expected ${directions}`,
        );
}
