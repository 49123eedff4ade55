import { complete } from '../complete.ts';
import { type Flat, flatten, leastBy, unflatten, used } from '../flat.ts';
import { lagrangian } from '../lagrange.ts';
import { fits } from '../problem.ts';
import type { Answer, Solver } from './types.ts';

/** Baselines of the field: no proof, but what many tools do. */
const baseline = { exact: false, budgets: 'any', objectives: ['sum', 'max', 'worst'], couplings: [] } as const;

export const sortAndCut: Solver = {
  ...baseline,
  name: 'sort',
  summary: 'one level for all, the next level for the groups it helps most, until one no longer fits',
  source: 'NNCF, ModelOpt: sort by sensitivity and cut',
  solve(problem): Answer {
    const flat = flatten(problem);
    const level = levels(flat);
    const most = level.reduce((count, options) => Math.max(count, options.length), 1);
    let uniform = level.map((options) => options[0]);
    let next = 1;
    for (; next < most; next++) {
      const higher = level.map((options) => options[Math.min(next, options.length - 1)]);
      if (!keepsBudgets(flat, higher)) break;
      uniform = higher;
    }
    if (!keepsBudgets(flat, uniform)) return {};
    return { choice: unflatten(flat, raise(flat, uniform, level, next)) };
  },
};

/** Options of each group in ascending cost of the first resource. [groups][levels] flattened */
function levels({ start, cost, loss }: Flat): number[][] {
  const size = cost[0] ?? loss.map((value) => -value);
  return Array.from({ length: start.length - 1 }, (_, g) =>
    Array.from({ length: start[g + 1] - start[g] }, (_, o) => start[g] + o).sort((a, b) => size[a] - size[b] || a - b),
  );
}

function raise(flat: Flat, uniform: readonly number[], level: readonly number[][], next: number): number[] {
  const choice = [...uniform];
  const higher = (g: number): number => level[g][Math.min(next, level[g].length - 1)];
  const saved = (g: number): number => flat.loss[choice[g]] - flat.loss[higher(g)];
  const order = choice.map((_, g) => g).sort((a, b) => saved(b) - saved(a) || a - b);
  const amount = used(flat, choice);
  for (const g of order) {
    const to = higher(g);
    for (let r = 0; r < amount.length; r++) amount[r] += flat.cost[r][to] - flat.cost[r][choice[g]];
    if (!amount.every((value, r) => fits(value, flat.budget[r]))) return choice;
    choice[g] = to;
  }
  return choice;
}

function keepsBudgets(flat: Flat, choice: ArrayLike<number>): boolean {
  return used(flat, choice).every((amount, r) => fits(amount, flat.budget[r]));
}

export const ratio: Solver = {
  ...baseline,
  name: 'ratio',
  summary: 'from the best option everywhere, always the change that loses least per unit of cost',
  source: 'MPTQ-ViT (Tai and Wu 2024)',
  mostOptions: 50_000,
  solve(problem): Answer {
    const flat = flatten(problem);
    const choice = leastBy(flat, (option) => flat.loss[option]);
    return complete(flat, choice, lagrangian(flat).price) ? { choice: unflatten(flat, choice) } : {};
  },
};
