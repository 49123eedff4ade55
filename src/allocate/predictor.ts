/** Mean and standard deviation of what is not known yet. */
export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

/** Variance of an evaluation's own noise, as a share of the plans' mean variance. */
const NOISE = 1e-4;

/** How alike what is not known of two plans is expected to be; of a plan with itself, its variance. */
export type Covariance = (a: ArrayLike<number>, b: ArrayLike<number>) => number;

/**
 * Gaussian process of mean zero over plans: what the prior gets wrong about one plan, it gets wrong about plans like it.
 * The covariance need only be right up to a factor, which is fitted to the values.
 * @see Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1
 */
export class Predictor {
  readonly #plans: readonly ArrayLike<number>[];
  readonly #covariance: Covariance;
  /** Lower triangle of the covariance's Cholesky factor. [plans, plans] */
  readonly #factor: Float64Array;
  /** Covariance⁻¹ × values. [plans] */
  readonly #weight: Float64Array;
  /** Square root of the covariance's fitted factor. */
  readonly #scale: number;

  constructor(plans: readonly ArrayLike<number>[], values: readonly number[], covariance: Covariance) {
    this.#plans = plans;
    this.#covariance = covariance;
    this.#factor = cholesky(plans, covariance);
    const whitened = forward(this.#factor, Float64Array.from(values));
    this.#weight = backward(this.#factor, whitened);
    const squares = whitened.reduce((sum, value) => sum + value * value, 0);
    this.#scale = Math.sqrt(squares / Math.max(1, plans.length));
  }

  predict(plan: ArrayLike<number>): Prediction {
    const shared = Float64Array.from(this.#plans, (other) => this.#covariance(plan, other));
    const explained = forward(this.#factor, shared).reduce((sum, value) => sum + value * value, 0);
    return {
      mean: shared.reduce((sum, value, i) => sum + value * this.#weight[i], 0),
      deviation: this.#scale * Math.sqrt(Math.max(0, this.#covariance(plan, plan) - explained)),
    };
  }
}

function cholesky(plans: readonly ArrayLike<number>[], covariance: Covariance): Float64Array {
  const n = plans.length;
  const noise = (NOISE * plans.reduce((sum, plan) => sum + covariance(plan, plan), 0)) / Math.max(1, n) || 1;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = covariance(plans[i], plans[j]) + (i === j ? noise : 0);
      for (let k = 0; k < j; k++) sum -= factor[i * n + k] * factor[j * n + k];
      factor[i * n + j] = i === j ? Math.sqrt(Math.max(sum, noise)) : sum / factor[j * n + j];
    }
  return factor;
}

function forward(factor: Float64Array, values: Float64Array): Float64Array {
  const n = values.length;
  const solved = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = values[i];
    for (let k = 0; k < i; k++) sum -= factor[i * n + k] * solved[k];
    solved[i] = sum / factor[i * n + i];
  }
  return solved;
}

function backward(factor: Float64Array, values: Float64Array): Float64Array {
  const n = values.length;
  const solved = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = values[i];
    for (let k = i + 1; k < n; k++) sum -= factor[k * n + i] * solved[k];
    solved[i] = sum / factor[i * n + i];
  }
  return solved;
}
