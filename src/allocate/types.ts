/** One way to store a group: what it costs and what it is predicted to lose. Numbers only; `allocate` knows no model. */
export interface Option {
  /** Unique within its group: `Q4_K`, `Q4_K/gptq`. */
  readonly id: string;
  /** Bytes as the writer will write them, padding included. */
  readonly bytes: number;
  /** Predicted loss, nats of KL per token. ≥ 0. */
  readonly loss: number;
  /** Standard error of `loss`. */
  readonly lossError?: number;
}

/** Tensors that must share one choice. */
export interface Group {
  readonly id: string;
  readonly options: readonly Option[];
}

export interface Problem {
  readonly groups: readonly Group[];
  /** Bytes that the choices may take together. */
  readonly budget: number;
}

/**
 * `optimal`: proven, bound = loss. `feasible`: a plan within the budget, gap = loss − bound > 0 (stopped early).
 * `infeasible`: no choice fits; `bytesRange` says what can be had. `timedOut`: stopped with nothing feasible known.
 */
export type SolveStatus = 'optimal' | 'feasible' | 'infeasible' | 'timedOut';

export interface Solution {
  readonly status: SolveStatus;
  /** Index of the chosen option per group; empty unless optimal or feasible. */
  readonly choice: readonly number[];
  readonly bytes: number;
  readonly loss: number;
  /** Proven lower bound of the loss. */
  readonly bound: number;
  /** loss − bound, nats. */
  readonly gap: number;
  /** Fewest and most bytes any choice takes, and the group whose smallest option is largest. */
  readonly range: { readonly least: number; readonly most: number; readonly largestGroup: string };
}

/** What `allocate` decided, saved as `plan.json`: a plain value that `quantize` carries out. Plans may also be made by hand. */
export interface BitPlan {
  readonly version: 1;
  /** Fingerprint of the model it was made for; absent in plans made by hand. */
  readonly model?: string;
  /** Rounding method, `gptq` by default. */
  readonly rounding: string;
  /** Format of every matrix by tensor name. */
  readonly formats: Readonly<Record<string, string>>;
  /** Format of matrices that `formats` does not name, in plans made by hand. */
  readonly default?: string;
  readonly prediction?: PlanPrediction;
}

export interface PlanPrediction {
  /** Bytes of the finished file, metadata and padding included. */
  readonly fileBytes: number;
  /** Predicted KL against the original, nats per token, with its standard error. */
  readonly kl: number;
  readonly klError: number;
  readonly status: SolveStatus;
  /** Proven lower bound of the predicted KL at this size, and the distance from it. */
  readonly bound: number;
  readonly gap: number;
}

/** A mean with its standard error and the two-sided 95 % normal interval, all in the unit of the mean. */
export interface Interval {
  readonly mean: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
}

/**
 * A corner of the lower convex envelope of all plans in bytes and loss. Every corner is the exact optimum of the budget
 * `bytes`, and no budget has a plan below the line between two corners.
 */
export interface FrontierPoint {
  readonly bytes: number;
  readonly loss: number;
  /** Standard error of `loss`, groups taken as independent. */
  readonly lossError: number;
  /** The one change from the point before: group index and its new option index; −1 and −1 at the first point. */
  readonly group: number;
  readonly option: number;
}
