import type { Group, Problem } from '../types.ts';
import { RELAXATION_STEPS, Work } from '../work.ts';
import { type PreparedKnapsack, prepareKnapsack } from './knapsack.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

/**
 * Which few formats, integer or floating point, a model should be stored in: ids are added one by one, the one that
 * lowers the relaxation most, then exchanged one for one while that helps; the palette is then filled exactly.
 */
export const palette: Solver = {
  name: 'palette',
  summary: 'few different ids in the whole plan: one-shot choice by the relaxation, then the exact knapsack',
  exact: false,
  source: 'MoFQ, integer or floating point by error (Zhang et al. 2023); add and exchange (Kuehn and Hamburger 1963)',
  budgets: 'one',
  objectives: ['sum'],
  couplings: ['palette'],
  needs: 'palette',
  solve(problem, options): Answer {
    const work = new Work(options.patience);
    const size = problem.groups.reduce((sum, group) => sum + group.options.length, 0);
    const most = Math.min(
      ...(problem.couplings ?? []).map((coupling) => (coupling.kind === 'palette' ? coupling.most : Infinity)),
    );
    const ids = [...new Set(problem.groups.flatMap(({ options: all }) => all.map(({ id }) => id)))].sort();
    // A group without a choice takes its id whatever the palette is.
    const forced = problem.groups.flatMap(({ options: all }) => (all.length === 1 ? [all[0].id] : []));
    const value = (chosen: readonly string[]): number => {
      work.spend(RELAXATION_STEPS * size);
      return restricted(problem, chosen)?.knapsack.bound(budgetOf(problem)) ?? Infinity;
    };
    const chosen = exchange(add([...new Set(forced)], most, ids, value), ids, value, work);
    const best = restricted(problem, chosen);
    const { choice } = best?.knapsack.solve(budgetOf(problem), work) ?? {};
    return choice === undefined ? {} : { choice: Array.from(choice, (o, g) => best!.kept[g][o]) };
  },
};

/** Ids are added one by one; of sets that none can hold all groups the first is taken. @param forced in every palette */
function add(
  forced: readonly string[],
  most: number,
  ids: readonly string[],
  value: (chosen: readonly string[]) => number,
): string[] {
  let chosen = [...forced];
  while (chosen.length < Math.min(most, ids.length)) {
    const sets = ids.filter((id) => !chosen.includes(id)).map((id) => [...chosen, id]);
    const values = sets.map(value);
    chosen = sets[values.indexOf(Math.min(...values))];
  }
  return chosen;
}

function exchange(
  chosen: string[],
  ids: readonly string[],
  value: (chosen: readonly string[]) => number,
  work: Work,
): string[] {
  let least = value(chosen);
  for (let improved = true; improved && !work.isSpent; ) {
    improved = false;
    for (const out of [...chosen])
      for (const id of ids) {
        if (chosen.includes(id)) continue;
        const other = chosen.map((member) => (member === out ? id : member));
        const loss = value(other);
        if (loss >= least) continue;
        chosen = other;
        least = loss;
        improved = true;
        break;
      }
  }
  return chosen;
}

interface Restricted {
  readonly knapsack: PreparedKnapsack;
  /** Original option index of each option kept. [groups] */
  readonly kept: number[][];
}

/** The problem with the chosen ids alone; undefined where a group has none of them. */
function restricted({ groups, budgets }: Problem, chosen: readonly string[]): Restricted | undefined {
  const kept = groups.map(({ options }) => options.map((_, o) => o).filter((o) => chosen.includes(options[o].id)));
  if (kept.some((options) => options.length === 0)) return undefined;
  const fewer = groups.map((group, g): Group => ({ ...group, options: kept[g].map((o) => group.options[o]) }));
  return { knapsack: prepareKnapsack(fewer, Object.keys(budgets)[0]), kept };
}

function budgetOf(problem: Problem): number {
  return problem.budgets[resourceOf(problem)];
}
