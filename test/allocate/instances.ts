import { check } from '../../src/allocate/check.ts';
import { lossOf } from '../../src/allocate/objective.ts';
import { costRanges } from '../../src/allocate/problem.ts';
import type { Group, Option, Problem, Solution } from '../../src/allocate/types.ts';
import { Random } from '../../src/core/random.ts';

/** Kinds of random instances: from independent numbers to what tensors look like to the worst case of knapsacks. */
export const KINDS = ['uncorrelated', 'tensors', 'layers', 'proportional', 'ties'] as const;
export type Kind = (typeof KINDS)[number];

/** `n` groups of `k` options, the same for the same seed. */
export function randomGroups(kind: Kind, n: number, k: number, seed: number): Group[] {
  const random = new Random(seed).fork(kind);
  return Array.from({ length: n }, (_, g) => {
    const values = kind === 'layers' ? [589_824, 393_216, 884_736][g % 3] : 256 * (10 + random.integer(5000));
    const sensitivity = Math.exp(2 * random.normal());
    const options = Array.from({ length: k }, (_, j) => makeOption(kind, random, j, k, values, sensitivity));
    return { id: `g${g}`, options };
  });
}

function makeOption(kind: Kind, random: Random, j: number, k: number, values: number, sensitivity: number): Option {
  const id = `o${j}`;
  const bits = 2 + (6 * j) / Math.max(1, k - 1);
  switch (kind) {
    case 'uncorrelated':
      return { id, costs: { bytes: random.integer(1_000_000) }, loss: random.uniform() };
    case 'tensors':
    case 'layers': {
      const loss = sensitivity * 1e-6 * values * 2 ** (-2 * bits) * (1 + 0.2 * random.uniform());
      return { id, costs: { bytes: 32 * Math.ceil((values * bits) / 256) }, loss, lossError: 0.1 * loss };
    }
    case 'proportional': {
      const bytes = 32 * random.integer(1000);
      return { id, costs: { bytes }, loss: 1 - bytes / 32_000 };
    }
    case 'ties':
      return { id, costs: { bytes: 32 * random.integer(4) }, loss: random.integer(3) };
  }
}

/** Fewest and most of a resource. */
export function range(groups: readonly Group[], resource = 'bytes'): { least: number; most: number } {
  const sum = (pick: (...costs: number[]) => number) =>
    groups.reduce((total, { options }) => total + pick(...options.map(({ costs }) => costs[resource])), 0);
  return { least: sum(Math.min), most: sum(Math.max) };
}

/** A budget at `share` of the way from the least to the most of a resource. */
export function budgetAt(groups: readonly Group[], share: number, resource = 'bytes'): number {
  const { least, most } = range(groups, resource);
  return Math.floor(least + share * (most - least));
}

/** The problem of bytes alone, at `share` of the way from the fewest to the most. */
export function bytesProblem(groups: readonly Group[], share: number): Problem & { budgets: { bytes: number } } {
  return { groups, budgets: { bytes: budgetAt(groups, share) } };
}

/** The same groups with two more resources that bytes do not determine, one of them fractional. */
export function withMoreResources(groups: readonly Group[], seed: number): Group[] {
  const random = new Random(seed).fork('resources');
  return groups.map((group) => {
    const speed = 0.5 + random.uniform();
    return {
      ...group,
      options: group.options.map((option) => ({
        ...option,
        costs: {
          ...option.costs,
          bops: 1 + random.integer(1000) + (option.costs.bytes >> 8),
          milliseconds: speed * (1e-5 * option.costs.bytes + 3 * random.uniform()),
        },
      })),
    };
  });
}

/** The same groups with effects on a few shared directions; losses hold each option's own square. */
export function withEffects(groups: readonly Group[], directions: number, seed: number): Group[] {
  const random = new Random(seed).fork('effects');
  return groups.map((group) => ({
    ...group,
    options: group.options.map((option) => {
      const size = Math.sqrt(Math.abs(option.loss) / directions);
      return { ...option, effect: Array.from({ length: directions }, () => size * (0.6 + random.normal())) };
    }),
  }));
}

/** Least objective by trying every plan that `check` finds no fault with; undefined when there is none. */
export function bruteForce(problem: Problem): { loss: number; choice: number[] } | undefined {
  let best: { loss: number; choice: number[] } | undefined;
  const choice: number[] = [];
  const visit = (g: number): void => {
    if (g < problem.groups.length) {
      for (let o = 0; o < problem.groups[g].options.length; o++) {
        choice[g] = o;
        visit(g + 1);
      }
      return;
    }
    const solution = asSolution(problem, choice);
    if (best !== undefined && solution.loss >= best.loss) return;
    if (check(problem, solution).length === 0) best = { loss: solution.loss, choice: [...choice] };
  };
  visit(0);
  return best;
}

/** A choice as the answer of a solver that proved nothing. */
export function asSolution(problem: Problem, choice: readonly number[]): Solution {
  const loss = lossOf(problem, choice);
  return {
    status: 'feasible',
    choice,
    costs: Object.fromEntries(
      Object.keys(problem.budgets).map((resource) => [
        resource,
        problem.groups.reduce((sum, { options }, g) => sum + options[choice[g]].costs[resource], 0),
      ]),
    ),
    loss,
    bound: loss,
    gap: 0,
    ranges: costRanges(problem),
  };
}
