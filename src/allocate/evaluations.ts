import { Random } from '../core/random.ts';
import { complete, pricedPlan } from './complete.ts';
import { type Flat, flatten, unflatten } from './flat.ts';
import { type Dual, lagrangian, pricedCost } from './lagrange.ts';
import { lossOf } from './objective.ts';
import { type Prediction, Predictor } from './predictor.ts';
import { knapsack } from './solvers/knapsack.ts';
import { milp } from './solvers/milp.ts';
import type { Answer, SolveOptions } from './solvers/types.ts';
import type { Problem } from './types.ts';

/** How a search by true evaluations spends them. */
export interface SearchSizes {
  /** Evaluations when no number is given. */
  readonly evaluations: number;
  /** Plans to begin with beside the optimum: optima of other losses that might as well be true. */
  readonly starts: number;
  /** Options kept per group. */
  readonly width: number;
}

/**
 * Evaluates the additive optimum, optima of losses drawn around the told ones, and then what `propose` says, until evaluations are spent or it has
 * nothing new to say. The best plan evaluated is the answer: none is worse than the additive optimum.
 */
export async function searchByEvaluations(
  problem: Problem,
  options: SolveOptions,
  { evaluations, starts, width }: SearchSizes,
  propose: (known: Evaluations, random: Random) => readonly Int32Array[],
): Promise<Answer> {
  const random = new Random(options.seed ?? 0);
  const limit = options.evaluations ?? evaluations;
  const known = new Evaluations(problem, options, width);
  const first = await additiveOptimum(problem, known, options);
  if (first === undefined) return {};
  await known.evaluate(first);
  for (const plan of known.plausible(Math.min(starts, limit >> 1), random)) await known.evaluate(plan);
  while (known.count < limit) {
    const plans = propose(known, random).filter((plan) => !known.isKnown(plan));
    if (plans.length === 0) break;
    for (const plan of plans.slice(0, limit - known.count)) await known.evaluate(plan);
  }
  return { choice: unflatten(known.flat, known.best()!.plan) };
}

/** The plan that the told losses suggest: proven best where a proof is quick. */
async function additiveOptimum(
  { groups, budgets }: Problem,
  { flat, dual }: Evaluations,
  { patience }: SolveOptions,
): Promise<Int32Array | undefined> {
  const exact = Object.keys(budgets).length === 1 ? knapsack : milp;
  const { choice } = await exact.solve({ groups, budgets }, { patience });
  return choice === undefined ? pricedPlan(flat, dual) : Int32Array.from(choice, (o, g) => flat.start[g] + o);
}

/** Relative errors that told losses are expected to have: a group's, all groups' in common, a pair's interaction. */
const GROUP_ERROR = 0.25;
const COMMON_ERROR = 0.25;
const PAIR_ERROR = 0.02;
/** Correlation of the errors of two options of one group. */
const ALIKE = 0.7;

/**
 * What searches by true evaluations share: plans within the budgets, their true losses, and a predictor of the
 * difference to the losses that the problem tells, learned from them.
 */
export class Evaluations {
  readonly flat: Flat;
  readonly dual: Dual;
  /** Options of each group that are worth trying: those nearest to the best at the dual's prices, nearest first. */
  readonly near: readonly number[][];
  readonly #problem: Problem;
  /** Group of every option. */
  readonly #group: Int32Array;
  readonly #evaluate: (choice: readonly number[]) => Promise<number>;
  readonly #known = new Map<string, { readonly plan: Int32Array; readonly loss: number }>();

  /** @param width options kept per group */
  constructor(problem: Problem, options: SolveOptions, width: number) {
    this.#problem = problem;
    this.flat = flatten(problem);
    this.dual = lagrangian(this.flat);
    const { start, loss } = this.flat;
    const priced = (option: number): number => loss[option] + pricedCost(this.flat, this.dual.price, option);
    this.near = Array.from({ length: start.length - 1 }, (_, g) =>
      Array.from({ length: start[g + 1] - start[g] }, (_, o) => start[g] + o)
        .sort((a, b) => priced(a) - priced(b) || a - b)
        .slice(0, width),
    );
    this.#group = new Int32Array(loss.length);
    for (let g = 0; g + 1 < start.length; g++) this.#group.fill(g, start[g], start[g + 1]);
    this.#evaluate = options.evaluate ?? (async (choice) => lossOf(problem, choice));
  }

  get count(): number {
    return this.#known.size;
  }

  /** Makes a plan fit, in place. @returns whether that was possible */
  complete(plan: Int32Array): boolean {
    return complete(this.flat, plan, this.dual.price);
  }

  isKnown(plan: Int32Array): boolean {
    return this.#known.has(plan.join());
  }

  async evaluate(plan: Int32Array): Promise<void> {
    const key = plan.join();
    if (this.#known.has(key)) return;
    this.#known.set(key, { plan: plan.slice(), loss: await this.#evaluate(unflatten(this.flat, plan)) });
  }

  /** The best plan evaluated. */
  best(): { readonly plan: Int32Array; readonly loss: number } | undefined {
    return [...this.#known.values()].reduce<{ plan: Int32Array; loss: number } | undefined>(
      (least, known) => (least === undefined || known.loss < least.loss ? known : least),
      undefined,
    );
  }

  /** Predicts true losses from all evaluations so far. */
  predictor(): (plan: Int32Array) => Prediction {
    const known = [...this.#known.values()];
    const learned = new Predictor(
      known.map(({ plan }) => plan),
      known.map(({ plan, loss }) => loss - this.#told(plan)),
      (a, b) => this.#covariance(a, b),
    );
    return (plan) => {
      const { mean, deviation } = learned.predict(plan);
      return { mean: this.#told(plan) + mean, deviation };
    };
  }

  /** Plans that would be best if every group's losses were off by a factor, drawn anew for each plan. */
  plausible(count: number, random: Random): Int32Array[] {
    const { flat } = this;
    const draws = random.fork('plausible losses');
    return Array.from({ length: count }, () => {
      const factors = Float64Array.from({ length: flat.start.length - 1 }, () =>
        Math.exp(GROUP_ERROR * draws.normal()),
      );
      const loss = flat.loss.map((value, option) => value * factors[this.#group[option]]);
      const drawn = { ...flat, loss };
      return pricedPlan(drawn, lagrangian(drawn));
    }).filter((plan) => plan !== undefined);
  }

  /**
   * Of what told losses get wrong: each group by a factor of its own, more alike for one option than for two; all groups
   * by a common factor; and every pair of groups by a share of the geometric mean of their losses.
   */
  #covariance(a: ArrayLike<number>, b: ArrayLike<number>): number {
    const { loss } = this.flat;
    let groups = 0;
    let [sumA, sumB, means] = [0, 0, 0];
    for (let g = 0; g < a.length; g++) {
      const [x, y] = [loss[a[g]], loss[b[g]]];
      groups += x * y * (a[g] === b[g] ? 1 : ALIKE);
      means += Math.sqrt(Math.max(0, x * y));
      sumA += x;
      sumB += y;
    }
    return GROUP_ERROR ** 2 * groups + COMMON_ERROR ** 2 * sumA * sumB + PAIR_ERROR ** 2 * means ** 2;
  }

  /** Interactions are for evaluations to find out. */
  #told(plan: Int32Array): number {
    const { groups, objective } = this.#problem;
    const told = objective?.kind === 'quadratic' ? { groups } : { groups, objective };
    return lossOf(told, unflatten(this.flat, plan));
  }
}
