import type { Coupling, Objective, Problem } from '../types.ts';

export interface SolveOptions {
  /**
   * Work after which the best plan known is returned with its gap, as a multiple of what solvers do by default: some ten
   * seconds of a free core. It is counted, not timed. Default 1.
   */
  readonly patience?: number;
  /** Seed of every random draw. Default 0. */
  readonly seed?: number;
  /**
   * True loss of a choice (option index per group), for solvers that search by evaluations; groups that agree have been
   * taken apart again. Default: the problem's own objective.
   */
  readonly evaluate?: (choice: readonly number[]) => Promise<number>;
  /** Evaluations, or neighbourhoods searched, that may be spent. Default: the solver's own. */
  readonly evaluations?: number;
}

/** What a solver found, in its own words; `solveWith` makes a `Solution` of it. */
export interface Answer {
  /** Option index per group, within every budget; none when none was found. */
  readonly choice?: ArrayLike<number>;
  /** Proven lower bound of the objective; without it the relaxation's bound is shown. */
  readonly bound?: number;
  /** The choice is proven best, or, without a choice, none is proven to exist. */
  readonly proven?: boolean;
  /** The clock ended the search, not the work: another machine may find another plan. */
  readonly byClock?: boolean;
}

/** One way to solve: one file, one entry of the table. */
export interface Solver {
  readonly name: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** Proves its answer best, given time. */
  readonly exact: boolean;
  /** Paper or project. */
  readonly source: string;
  /** Whether it takes any number of budgets, or exactly one. */
  readonly budgets: 'one' | 'any';
  readonly objectives: readonly Objective['kind'][];
  /** Couplings that it heeds; groups that agree are merged before any solver sees them. */
  readonly couplings: readonly Exclude<Coupling['kind'], 'agree'>[];
  /** Coupling that it is for; without one there is nothing for it to do. */
  readonly needs?: Coupling['kind'];
  /** True evaluations that it spends unless told otherwise; absent in solvers that need none. */
  readonly evaluations?: number;
  /** Groups × options beyond which it is not worth waiting for. Default: no limit. */
  readonly mostOptions?: number;
  /** @param problem valid, every group has options, and each budget alone can be met */
  solve(problem: Problem, options: SolveOptions): Answer | Promise<Answer>;
}

/** The one resource of solvers that take one budget. */
export function resourceOf(problem: Problem): string {
  return Object.keys(problem.budgets)[0];
}
