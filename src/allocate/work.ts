/** Steps of the default patience: some ten seconds of a free core. */
const PATIENCE_STEPS = 2e9;

/** An iteration of HiGHS's simplex method in such steps, by the time that both take on the instances of `bench/solvers.ts`. */
const ITERATION_STEPS = 50_000;

/** Of one relaxed knapsack, prepared anew, per option. */
export const RELAXATION_STEPS = 100;

/**
 * What a solver may still do, counted in steps of innermost loops (an option looked at), never timed: the same problem ends
 * with the same plan on every machine, however busy it is.
 */
export class Work {
  #left: number;

  /** @param patience multiple of what solvers do by default */
  constructor(patience = 1) {
    this.#left = patience * PATIENCE_STEPS;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** Takes off what was done. @returns whether something is left */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left > 0;
  }

  /** Iterations of the simplex method that may still be made. */
  get iterations(): number {
    return Math.max(0, Math.floor(this.#left / ITERATION_STEPS));
  }

  spendIterations(count: number): boolean {
    return this.spend(count * ITERATION_STEPS);
  }
}
