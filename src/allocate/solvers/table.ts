import { knapsack } from './knapsack.ts';
import { milp } from './milp.ts';
import type { Solver } from './types.ts';

/** Every solver by name; the first that takes a problem solves it unless another is asked for. */
export const solvers: ReadonlyMap<string, Solver> = new Map([knapsack, milp].map((solver) => [solver.name, solver]));
