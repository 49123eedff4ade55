import { Random } from '../../core/random.ts';
import { complete } from '../complete.ts';
import { design } from '../designs.ts';
import { type Flat, flatten, unflatten } from '../flat.ts';
import { lagrangian } from '../lagrange.ts';
import { lossOf } from '../objective.ts';
import type { Solver } from './types.ts';

/** Starts when no number is given. */
const STARTS = 32;

export const designs: Solver = {
  name: 'designs',
  summary: 'the best of scrambled Sobol points, each made to fit',
  exact: false,
  source: 'Sobol 1967, Owen 1995',
  budgets: 'any',
  objectives: ['sum', 'max', 'worst', 'quadratic'],
  couplings: [],
  mostOptions: 5_000,
  async solve(problem, options) {
    const evaluate = options.evaluate ?? (async (choice) => lossOf(problem, choice));
    const flat = flatten(problem);
    let best: number[] | undefined;
    let least = Infinity;
    for (const start of startingPlans(flat, options.evaluations ?? STARTS, new Random(options.seed ?? 0))) {
      const choice = unflatten(flat, start);
      const loss = await evaluate(choice);
      if (loss >= least) continue;
      least = loss;
      best = choice;
    }
    return { choice: best };
  },
};

/** Plans spread over all options, within every budget; fewer than `count` where they cannot be made to fit. */
export function startingPlans(flat: Flat, count: number, random: Random): Int32Array[] {
  const { start } = flat;
  const { price } = lagrangian(flat);
  const plans = design('scrambled', count, start.length - 1, random.fork('designs')).map((point) =>
    Int32Array.from(point, (u, g) => start[g] + Math.floor(u * (start[g + 1] - start[g]))),
  );
  return plans.filter((plan) => complete(flat, plan, price));
}
