/** Amounts by resource: `bytes` of the file, `bops` per token, milliseconds, KV bytes … `allocate` knows none by name. */
export type Costs = Readonly<Record<string, number>>;

/** One way to store a group: what it costs and what it is predicted to lose. Numbers only; `allocate` knows no model. */
export interface Option {
  /** Unique within its group: `Q4_K`, `Q4_K/gptq`. */
  readonly id: string;
  /** What it takes of each resource that may be budgeted, ≥ 0; bytes as the writer will write them, padding included. */
  readonly costs: Costs;
  /** Predicted loss, nats of KL per token. */
  readonly loss: number;
  /** Standard error of `loss`. */
  readonly lossError?: number;
  /** Inner products of the option's error with shared directions, for the quadratic objective. [directions] */
  readonly effect?: ArrayLike<number>;
}

/** What must share one choice. */
export interface Group {
  readonly id: string;
  readonly options: readonly Option[];
}

export interface Problem {
  readonly groups: readonly Group[];
  /** Most that the choices may take together, by resource: one column of costs each. */
  readonly budgets: Costs;
  /** What is least in the best plan. Default: the sum of the losses. */
  readonly objective?: Objective;
  readonly couplings?: readonly Coupling[];
}

/**
 * - `sum` of the chosen options' losses.
 * - `max`: the largest of them.
 * - `worst`: the sum of the `count` largest.
 * - `quadratic`: the sum, plus ⟨effect, effect⟩ of every pair of groups: what they lose together beyond what each loses alone.
 */
export type Objective =
  | { readonly kind: 'sum' }
  | { readonly kind: 'max' }
  | { readonly kind: 'worst'; readonly count: number }
  | { readonly kind: 'quadratic' };

/**
 * What choices demand of each other, groups and options by id.
 * - `agree`: all take options of the same id, as runtimes ask of fused matrices.
 * - `requires`: where `group` takes one of `options`, `other` takes one of `otherOptions`; ties row groups to the choice of
 *   splitting their tensor.
 * - `palette`: at most `most` different ids in the whole plan.
 */
export type Coupling =
  | { readonly kind: 'agree'; readonly groups: readonly string[] }
  | {
      readonly kind: 'requires';
      readonly group: string;
      readonly options: readonly string[];
      readonly other: string;
      readonly otherOptions: readonly string[];
    }
  | { readonly kind: 'palette'; readonly most: number };

/**
 * `optimal`: proven, bound = loss (to HiGHS's tolerances of 1e-9 where it did the proof). `feasible`: a plan within the budgets, gap = loss − bound ≥ 0, not proven best.
 * `infeasible`: no choice fits; `reason` says why and `ranges` what can be had. `timedOut`: the work was spent with nothing
 * feasible known.
 */
export type SolveStatus = 'optimal' | 'feasible' | 'infeasible' | 'timedOut';

export interface Solution {
  readonly status: SolveStatus;
  /** Index of the chosen option per group; empty unless optimal or feasible. */
  readonly choice: readonly number[];
  /** What the choices take of each budgeted resource; empty when there are none. */
  readonly costs: Costs;
  /** The objective's value; Infinity without a choice. */
  readonly loss: number;
  /** Proven lower bound of the objective. */
  readonly bound: number;
  /** loss − bound, nats; 0 without a choice. */
  readonly gap: number;
  /** What can be had of each budgeted resource. */
  readonly ranges: Readonly<Record<string, Range>>;
  /** One line: why there is no choice. */
  readonly reason?: string;
  /** The clock ended the search, where counted work should have: another machine may find another choice. */
  readonly byClock?: true;
}

/** Fewest and most of a resource that any choice takes, and the group whose smallest option is largest. */
export interface Range {
  readonly least: number;
  readonly most: number;
  readonly largestGroup: string;
}

/** What `allocate` decided, saved as `plan.json`: a plain value that `quantize` carries out. Plans may also be made by hand. */
export interface BitPlan {
  readonly version: 2;
  /** Fingerprint of the model it was made for; absent in plans made by hand. */
  readonly model?: string;
  /** Rounding method of weights, `gptq` by default. */
  readonly rounding: string;
  /**
   * The option of every site by its id: a format for a weight (`blk.0.attn_q.weight`) or a state (`blk.0.k`), bits for the
   * inputs of a weight (`blk.0.attn_q.weight.input`: `a8`). Edges and states that were not planned are absent.
   */
  readonly sites: Readonly<Record<string, string>>;
  /**
   * Formats of stacked experts by tensor, one after the other, where each has its own; `sites` then has none for the tensor.
   * Such plans can be evaluated; GGUF stores one type for all experts of a tensor.
   */
  readonly experts?: Readonly<Record<string, readonly string[]>>;
  /** Format of weights that `sites` does not name, in plans made by hand. */
  readonly default?: string;
  /** Budgets that it was solved for, by resource; absent in plans made by hand. */
  readonly budgets?: Costs;
  readonly prediction?: PlanPrediction;
  readonly search?: PlanSearch;
}

/** What a search by true evaluations found, all on one text: KL in nats per token. */
export interface PlanSearch {
  readonly solver: string;
  /** Plans evaluated. */
  readonly evaluations: number;
  /** Scored tokens of the text. */
  readonly tokens: number;
  /** The plan's, the least of all evaluated and therefore somewhat too low, with its standard error. */
  readonly kl: number;
  readonly klError: number;
  /** That of the best plan by predicted losses, where the search began. */
  readonly startKl: number;
}

/** What a plan is predicted to cost and to take. */
export interface PlanPrediction {
  /** Bytes of the finished file, metadata and padding included. */
  readonly fileBytes: number;
  /** What the plan takes of every resource; `bytes` again among them. */
  readonly costs?: Costs;
  /** Standard deviation of those that were measured. */
  readonly costErrors?: Costs;
  /** Predicted KL against the original, nats per token, with its standard error. */
  readonly kl: number;
  readonly klError: number;
  /** What the KL of the finished file lies in nine of ten times. */
  readonly klInterval?: { readonly low: number; readonly high: number };
  /** Whether `kl` was corrected by true evaluations of this model; else by what such predictions are off by as a rule. */
  readonly corrected?: boolean;
  /** Whether it says nothing: what was measured of the plan is far off, or nearly everything lies in the interval. */
  readonly refuted?: true;
  /** Shares of `kl` that edges and states have; absent where they were not planned. */
  readonly edgeKl?: number;
  readonly stateKl?: number;
  /** Share of the model's weights in formats below 5 bits per weight, 0 to 1. */
  readonly quantizationRatio?: number;
  readonly status: SolveStatus;
  /** Proven lower bound of what was made least at this size, and the distance from it. */
  readonly bound: number;
  readonly gap: number;
  /** The clock ended the search: on another machine the plan may be another. */
  readonly byClock?: true;
  /** What was made least, where it is not the predicted KL. */
  readonly objective?: PlanObjective;
}

/** What a plan was chosen by: an objective over the scores of a metric. */
export interface PlanObjective {
  /** Name of the metric; `kl` for predicted KL. */
  readonly metric: string;
  readonly objective: Objective;
  /** The objective's value, in the metric's unit. */
  readonly value: number;
}

/** A mean with its standard error and the two-sided 95 % normal interval, all in the unit of the mean. */
export interface Interval {
  readonly mean: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
}

/**
 * A corner of the lower convex envelope of all plans in one resource and loss. Every corner is the exact optimum of the
 * budget `cost`, and no budget has a plan below the line between two corners.
 */
export interface FrontierPoint {
  /** What the plan takes of the resource. */
  readonly cost: number;
  readonly loss: number;
  /** Standard error of `loss`, groups taken as independent. */
  readonly lossError: number;
  /** The one change from the point before: group index and its new option index; −1 and −1 at the first point. */
  readonly group: number;
  readonly option: number;
}
