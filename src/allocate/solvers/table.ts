import { designs } from './designs.ts';
import { dynamic } from './dynamic.ts';
import { genetic } from './genetic.ts';
import { ratio, sortAndCut } from './greedy.ts';
import { knapsack } from './knapsack.ts';
import { linear } from './linear.ts';
import { milp } from './milp.ts';
import { minmax } from './minmax.ts';
import { neighbourhood, portfolio } from './neighbourhood.ts';
import { palette } from './palette.ts';
import { quadratic } from './quadratic.ts';
import { tree } from './tree.ts';
import type { Solver } from './types.ts';
import { waterfilling } from './waterfilling.ts';
import { worst } from './worst.ts';

const ALL = [
  knapsack,
  minmax,
  worst,
  milp,
  quadratic,
  linear,
  dynamic,
  sortAndCut,
  ratio,
  waterfilling,
  palette,
  designs,
  neighbourhood,
  portfolio,
  genetic,
  tree,
];

/** Every solver by name; the first that takes a problem solves it unless another is asked for. */
export const solvers: ReadonlyMap<string, Solver> = new Map(ALL.map((solver) => [solver.name, solver]));
