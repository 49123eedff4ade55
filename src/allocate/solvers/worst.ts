import { lossOf } from '../objective.ts';
import type { Group, Problem } from '../types.ts';
import { RELAXATION_STEPS, Work } from '../work.ts';
import { prepareKnapsack } from './knapsack.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

/**
 * The sum of the k largest losses is the least of k·q + Σ (loss − q)⁺ over q, reached at a loss that occurs. For one q
 * this is a knapsack; for all q between two values, k times the lower one plus the relaxation at the upper one is a
 * bound, so that intervals are halved, best bound first, until none can hold a better plan.
 */
export const worst: Solver = {
  name: 'worst',
  summary: 'least sum of the k largest losses: branch and bound over the k-th',
  exact: true,
  source: 'Ogryczak and Tamir 2003; ordered optimization (Nickel and Puerto 2005)',
  budgets: 'one',
  objectives: ['worst'],
  couplings: [],
  mostOptions: 50_000,
  solve(problem, options): Answer {
    return new Search(problem, new Work(options.patience)).run();
  },
};

interface Interval {
  /** Indices into the sorted losses, both included. */
  readonly from: number;
  readonly to: number;
  readonly bound: number;
}

class Search {
  readonly #problem: Problem;
  readonly #work: Work;
  readonly #budget: number;
  readonly #resource: string;
  readonly #count: number;
  /** Of all groups together. */
  readonly #options: number;
  /** Losses that occur, ascending. */
  readonly #values: Float64Array;
  #best: ArrayLike<number> | undefined;
  #loss = Infinity;

  constructor(problem: Problem, work: Work) {
    this.#problem = problem;
    this.#work = work;
    this.#resource = resourceOf(problem);
    this.#budget = problem.budgets[this.#resource];
    const count = problem.objective?.kind === 'worst' ? problem.objective.count : 1;
    this.#count = Math.min(count, problem.groups.length);
    this.#options = problem.groups.reduce((sum, { options }) => sum + options.length, 0);
    this.#values = Float64Array.from(
      new Set(problem.groups.flatMap(({ options }) => options.map(({ loss }) => loss))),
    ).sort();
  }

  run(): Answer {
    if (this.#values.length === 0) return { choice: [], proven: true };
    const open: Interval[] = [this.#interval(0, this.#values.length - 1)];
    let bound = Infinity;
    while (open.length > 0) {
      open.sort((a, b) => b.bound - a.bound);
      if (this.#work.isSpent) {
        bound = open[open.length - 1].bound;
        break;
      }
      const next = open.pop()!;
      if (next.bound >= this.#loss * (1 - 1e-12)) break;
      if (next.from === next.to) {
        const { choice } = this.#knapsack(next.from).solve(this.#budget, this.#work);
        if (choice) this.#offer(choice);
        continue;
      }
      const middle = (next.from + next.to) >> 1;
      open.push(this.#interval(next.from, middle), this.#interval(middle + 1, next.to));
    }
    const proven = bound >= this.#loss;
    return { choice: this.#best, bound: proven ? this.#loss : bound, proven: proven && this.#best !== undefined };
  }

  /** Bounds an interval, and offers the plan of its relaxation. */
  #interval(from: number, to: number): Interval {
    const knapsack = this.#knapsack(to);
    const rounded = knapsack.round(this.#budget);
    if (rounded.choice) this.#offer(rounded.choice);
    return { from, to, bound: this.#count * this.#values[from] + (rounded.bound ?? -Infinity) };
  }

  /** Losses beyond q = `values[index]`. */
  #knapsack(index: number) {
    const q = this.#values[index];
    this.#work.spend(RELAXATION_STEPS * this.#options);
    const groups = this.#problem.groups.map(
      (group): Group => ({
        ...group,
        options: group.options.map((option) => ({ ...option, loss: Math.max(0, option.loss - q) })),
      }),
    );
    return prepareKnapsack(groups, this.#resource);
  }

  #offer(choice: ArrayLike<number>): void {
    const loss = lossOf(this.#problem, choice);
    if (loss >= this.#loss) return;
    this.#loss = loss;
    this.#best = choice;
  }
}
