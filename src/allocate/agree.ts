import type { Coupling, Group, Option, Problem, Solution } from './types.ts';

/** A problem whose groups that must agree are one group each, and the way back. */
export interface Merged {
  readonly problem: Problem;
  /** Option index per original group. */
  expand(choice: ArrayLike<number>): number[];
}

/**
 * Merges groups that must agree into one with the options that all of them have: costs and losses add up, so that every
 * solver plans fused matrices without knowing of them. Under the objectives `max` and `worst` losses do not add up:
 * `max` takes the larger; for `worst`, agreement is spelled out as `requires` instead.
 */
export function mergeAgreeing(problem: Problem): Merged {
  const { groups, couplings = [] } = problem;
  const sets = agreeingSets(groups, couplings);
  if (sets.length === groups.length) return { problem, expand: (choice) => Array.from(choice) };
  if (problem.objective?.kind === 'worst')
    return { problem: spelledOut(problem), expand: (choice) => Array.from(choice) };
  const merged = sets.map((set) =>
    mergeGroups(
      set.map((g) => groups[g]),
      problem.objective?.kind === 'max',
    ),
  );
  const memberOf = new Map(sets.flatMap((set, m) => set.map((g) => [groups[g].id, merged[m].id])));
  const kept = couplings
    .filter((coupling) => coupling.kind !== 'agree')
    .map((coupling) =>
      coupling.kind === 'requires'
        ? { ...coupling, group: memberOf.get(coupling.group)!, other: memberOf.get(coupling.other)! }
        : coupling,
    );
  return {
    problem: { ...problem, groups: merged, couplings: kept },
    expand(choice) {
      const result: number[] = new Array(groups.length);
      for (const [m, set] of sets.entries()) {
        const { id } = merged[m].options[choice[m]];
        for (const g of set) result[g] = groups[g].options.findIndex((option) => option.id === id);
      }
      return result;
    },
  };
}

/** `solution` of the merged problem, told of the original groups. */
export function expandSolution(merged: Merged, solution: Solution): Solution {
  return solution.choice.length === 0 ? solution : { ...solution, choice: merged.expand(solution.choice) };
}

/** Group indices of each set that agrees, in order of their first; most have one member. */
function agreeingSets(groups: readonly Group[], couplings: readonly Coupling[]): number[][] {
  const index = new Map(groups.map(({ id }, g) => [id, g]));
  const head = groups.map((_, g) => g);
  const find = (g: number): number => {
    while (head[g] !== g) g = head[g];
    return g;
  };
  for (const coupling of couplings)
    if (coupling.kind === 'agree')
      for (const id of coupling.groups) {
        const [a, b] = [find(index.get(id)!), find(index.get(coupling.groups[0])!)];
        head[Math.max(a, b)] = Math.min(a, b);
      }
  return [...Map.groupBy(groups.keys(), find).values()];
}

function mergeGroups(members: readonly Group[], largest: boolean): Group {
  if (members.length === 1) return members[0];
  const shared = members[0].options
    .map(({ id }) => members.map(({ options }) => options.find((option) => option.id === id)))
    .filter((parts): parts is Option[] => parts.every((part) => part !== undefined));
  return {
    id: members.map(({ id }) => id).join(' + '),
    options: shared.map((parts) => mergeOptions(parts, largest)),
  };
}

function mergeOptions(parts: readonly Option[], largest: boolean): Option {
  const sum = (value: (option: Option) => number): number => parts.reduce((total, part) => total + value(part), 0);
  const effect = parts[0].effect && Array.from(parts[0].effect, (_, d) => sum((part) => part.effect![d]));
  const own = (vector: ArrayLike<number> | undefined): number =>
    Array.from(vector ?? []).reduce((total, value) => total + value * value, 0);
  const pairs = 0.5 * (own(effect) - sum((part) => own(part.effect)));
  return {
    id: parts[0].id,
    costs: Object.fromEntries(Object.keys(parts[0].costs).map((name) => [name, sum((part) => part.costs[name])])),
    loss: largest ? Math.max(...parts.map((part) => part.loss)) : sum((part) => part.loss) + pairs,
    lossError: Math.hypot(...parts.map((part) => part.lossError ?? 0)),
    effect,
  };
}

/** Agreement as one demand per option: where the first group takes it, the others do. */
function spelledOut(problem: Problem): Problem {
  const options = new Map(problem.groups.map((group) => [group.id, group.options.map(({ id }) => id)]));
  const couplings = (problem.couplings ?? []).flatMap((coupling): Coupling[] => {
    if (coupling.kind !== 'agree') return [coupling];
    const [first, ...others] = coupling.groups;
    return others.flatMap((other) =>
      options.get(first)!.map((id) => ({ kind: 'requires', group: first, options: [id], other, otherOptions: [id] })),
    );
  });
  return { ...problem, couplings };
}
