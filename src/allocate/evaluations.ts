import { Random } from '../core/random.ts';
import { complete, pricedPlan } from './complete.ts';
import { type Flat, flatten, unflatten } from './flat.ts';
import { type Dual, lagrangian, pricedCost } from './lagrange.ts';
import { lossOf } from './objective.ts';
import { type Prediction, Predictor } from './predictor.ts';
import { startingPlans } from './solvers/designs.ts';
import { type Answer, DEFAULT_TIME_LIMIT_MS, type SolveOptions } from './solvers/types.ts';
import type { Problem } from './types.ts';

/** How a search by true evaluations spends them. */
export interface SearchSizes {
  /** Evaluations when no number is given. */
  readonly evaluations: number;
  /** Designs to begin with. */
  readonly starts: number;
  /** Options kept per group. */
  readonly width: number;
}

/**
 * Evaluates the additive plan, designs, and then what `propose` says, until evaluations or time are spent or it has
 * nothing new to say. The best plan evaluated is the answer.
 */
export async function searchByEvaluations(
  problem: Problem,
  options: SolveOptions,
  { evaluations, starts, width }: SearchSizes,
  propose: (known: Evaluations, random: Random) => readonly Int32Array[],
): Promise<Answer> {
  const deadline = performance.now() + (options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS);
  const random = new Random(options.seed ?? 0);
  const limit = options.evaluations ?? evaluations;
  const known = new Evaluations(problem, options, width);
  const first = known.additivePlan();
  if (first === undefined) return {};
  await known.evaluate(first);
  for (const plan of startingPlans(known.flat, Math.min(starts, limit >> 1), random)) await known.evaluate(plan);
  while (known.count < limit && performance.now() < deadline) {
    const plans = propose(known, random).filter((plan) => !known.isKnown(plan));
    if (plans.length === 0) break;
    for (const plan of plans.slice(0, limit - known.count)) await known.evaluate(plan);
  }
  return { choice: unflatten(known.flat, known.best()!.plan) };
}

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
    this.#evaluate = options.evaluate ?? (async (choice) => lossOf(problem, choice));
  }

  get count(): number {
    return this.#known.size;
  }

  /** The plan that the told losses suggest. */
  additivePlan(): Int32Array | undefined {
    return pricedPlan(this.flat, this.dual);
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
    );
    return (plan) => {
      const { mean, deviation } = learned.predict(plan);
      return { mean: this.#told(plan) + mean, deviation };
    };
  }

  /** Interactions are for evaluations to find out. */
  #told(plan: Int32Array): number {
    const { groups, objective } = this.#problem;
    const told = objective?.kind === 'quadratic' ? { groups } : { groups, objective };
    return lossOf(told, unflatten(this.flat, plan));
  }
}
