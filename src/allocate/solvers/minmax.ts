import { flatten } from '../flat.ts';
import { threshold } from '../threshold.ts';
import { Work } from '../work.ts';
import { prepareKnapsack } from './knapsack.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

export const minmax: Solver = {
  name: 'minmax',
  summary: 'least largest loss by bisection; among such plans the one of least sum',
  exact: true,
  source: 'bottleneck problems by thresholds (Burkard, Dell’Amico, Martello 2009)',
  budgets: 'one',
  objectives: ['max'],
  couplings: [],
  solve(problem, options): Answer {
    const resource = resourceOf(problem);
    const least = threshold(flatten(problem));
    if (least === undefined) return { proven: true };
    const kept = problem.groups.map((group) =>
      group.options.map((_, o) => o).filter((o) => group.options[o].loss <= least.loss),
    );
    const groups = problem.groups.map((group, g) => ({ ...group, options: kept[g].map((o) => group.options[o]) }));
    const { choice } = prepareKnapsack(groups, resource).solve(problem.budgets[resource], new Work(options.patience));
    return choice === undefined ? {} : { choice: Array.from(choice, (o, g) => kept[g][o]), proven: true };
  },
};
