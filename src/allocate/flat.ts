import type { Problem } from './types.ts';

/** A problem in arrays: option i of group g stands at `start[g] + i`. */
export interface Flat {
  /** [groups + 1] */
  readonly start: Int32Array;
  /** [options] */
  readonly loss: Float64Array;
  readonly resources: readonly string[];
  /** [resources][options] */
  readonly cost: readonly Float64Array[];
  /** [resources] */
  readonly budget: Float64Array;
}

export function flatten({ groups, budgets }: Problem): Flat {
  const resources = Object.keys(budgets);
  const start = new Int32Array(groups.length + 1);
  for (let g = 0; g < groups.length; g++) start[g + 1] = start[g] + groups[g].options.length;
  const total = start[groups.length];
  const loss = new Float64Array(total);
  const cost = resources.map(() => new Float64Array(total));
  for (let g = 0; g < groups.length; g++)
    for (let o = 0; o < groups[g].options.length; o++) {
      loss[start[g] + o] = groups[g].options[o].loss;
      for (let r = 0; r < resources.length; r++) cost[r][start[g] + o] = groups[g].options[o].costs[resources[r]];
    }
  return { start, loss, resources, cost, budget: Float64Array.from(resources, (name) => budgets[name]) };
}

/** What a choice takes of each resource. @param choice flattened option per group. @returns [resources] */
export function used({ cost }: Flat, choice: ArrayLike<number>): Float64Array {
  return Float64Array.from(cost, (column) => {
    let sum = 0;
    for (let g = 0; g < choice.length; g++) sum += column[choice[g]];
    return sum;
  });
}

/** Option index per group of flattened options. */
export function unflatten({ start }: Flat, choice: ArrayLike<number>): number[] {
  return Array.from(choice, (option, g) => option - start[g]);
}

/** Flattened option of each group that is least by `key`; the first of equals. */
export function leastBy({ start }: Flat, key: (option: number) => number): Int32Array {
  const choice = start.slice(0, -1);
  for (let g = 0; g < choice.length; g++) {
    let least = Infinity;
    for (let i = start[g]; i < start[g + 1]; i++) {
      const value = key(i);
      if (value >= least) continue;
      least = value;
      choice[g] = i;
    }
  }
  return choice;
}
