/** Mean and standard deviation of what is not known yet. */
export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

/** Share of groups that differ at which two plans' errors have little to do with each other. */
const LENGTH = 0.3;

/** Variance of an evaluation's own noise, as a share of all variance. */
const NOISE = 1e-4;

/**
 * Gaussian process over plans: what the prior gets wrong about one plan, it gets wrong about plans that differ in few
 * groups. Values are centred and scaled by their own spread.
 * @see Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1
 */
export class Predictor {
  readonly #plans: readonly ArrayLike<number>[];
  readonly #centre: number;
  readonly #scale: number;
  /** Lower triangle of the covariance's Cholesky factor. [plans, plans] */
  readonly #factor: Float64Array;
  /** Covariance⁻¹ × scaled values. [plans] */
  readonly #weight: Float64Array;

  constructor(plans: readonly ArrayLike<number>[], values: readonly number[]) {
    const n = plans.length;
    this.#plans = plans;
    this.#centre = values.reduce((sum, value) => sum + value, 0) / Math.max(1, n);
    const variance = values.reduce((sum, value) => sum + (value - this.#centre) ** 2, 0) / Math.max(1, n);
    this.#scale = Math.sqrt(variance);
    this.#factor = cholesky(plans);
    // Values that are all the same leave nothing to learn.
    const scaled = Float64Array.from(values, (value) => (variance > 0 ? (value - this.#centre) / this.#scale : 0));
    this.#weight = backward(this.#factor, forward(this.#factor, scaled));
  }

  predict(plan: ArrayLike<number>): Prediction {
    const covariance = Float64Array.from(this.#plans, (other) => kernel(plan, other));
    const mean = covariance.reduce((sum, value, i) => sum + value * this.#weight[i], 0);
    const explained = forward(this.#factor, covariance).reduce((sum, value) => sum + value * value, 0);
    return {
      mean: this.#centre + this.#scale * mean,
      deviation: this.#scale * Math.sqrt(Math.max(0, 1 - explained)),
    };
  }
}

function kernel(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let differing = 0;
  for (let g = 0; g < a.length; g++) if (a[g] !== b[g]) differing++;
  return Math.exp(-differing / Math.max(1, a.length) / LENGTH);
}

function cholesky(plans: readonly ArrayLike<number>[]): Float64Array {
  const n = plans.length;
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = kernel(plans[i], plans[j]) + (i === j ? NOISE : 0);
      for (let k = 0; k < j; k++) sum -= factor[i * n + k] * factor[j * n + k];
      factor[i * n + j] = i === j ? Math.sqrt(Math.max(sum, NOISE)) : sum / factor[j * n + j];
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
