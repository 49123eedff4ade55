import { Random } from '../../core/random.ts';
import type { Metric, ScoreTable } from './types.ts';

/** A figure with the interval that holds it in 95 of 100 resamplings of the plans. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How well one metric foretold the true loss of plans. */
export interface Ranking {
  readonly name: string;
  readonly spearman: Interval;
  readonly kendall: Interval;
  /** Median of predicted ÷ true over plans; metrics without unit have none. */
  readonly calibration: Interval | undefined;
  /** Share of plans predicted within ±10 % of the truth; metrics without unit have none. */
  readonly within: Interval | undefined;
  /** The same share after dividing predictions by the median of predicted ÷ true: what one factor can mend. */
  readonly withinScaled: Interval;
  readonly nats: boolean;
}

/** A prediction and the truth. */
export type Pair = readonly [predicted: number, measured: number];

/** Predicted loss of a plan: the scores of its candidates, summed or as the metric combines them. */
export function predictPlan(metric: Metric, table: ScoreTable, tensors: readonly string[], choice: readonly number[]) {
  const chosen = tensors.map((name, i) => table.get(name)![choice[i]]);
  return metric.combine?.(chosen) ?? chosen.reduce((sum, { value }) => sum + value, 0);
}

/** Resamplings behind an interval. */
const RESAMPLINGS = 200;
/** How close a prediction must be. */
const CLOSE = 0.1;

/**
 * @param pairs of plans whose true loss counts; at least three
 * @returns undefined when the metric says the same of every plan, and so ranks nothing
 * @see Efron, Bootstrap methods (1979), for the intervals
 */
export function rankMetric(metric: Pick<Metric, 'name' | 'nats'>, pairs: readonly Pair[]): Ranking | undefined {
  const predictions = pairs.map(([predicted]) => predicted);
  if (predictions.some((value) => !Number.isFinite(value)) || new Set(predictions).size < 2) return undefined;
  const interval = (statistic: (sample: readonly Pair[]) => number): Interval => bootstrap(pairs, statistic);
  return {
    name: metric.name,
    nats: metric.nats,
    spearman: interval(spearman),
    kendall: interval(kendall),
    calibration: metric.nats ? interval((sample) => median(ratios(sample))) : undefined,
    within: metric.nats ? interval((sample) => shareClose(ratios(sample), 1)) : undefined,
    withinScaled: interval((sample) => shareClose(ratios(sample), median(ratios(sample)))),
  };
}

function ratios(pairs: readonly Pair[]): number[] {
  return pairs.map(([predicted, measured]) => predicted / measured);
}

function shareClose(values: readonly number[], centre: number): number {
  return values.filter((value) => Math.abs(value / centre - 1) <= CLOSE).length / values.length;
}

function bootstrap(pairs: readonly Pair[], statistic: (sample: readonly Pair[]) => number): Interval {
  const random = new Random(1);
  const values = Array.from({ length: RESAMPLINGS }, () =>
    statistic(pairs.map(() => pairs[random.integer(pairs.length)])),
  ).sort((a, b) => a - b);
  const at = (share: number): number => values[Math.round(share * (RESAMPLINGS - 1))];
  return { value: statistic(pairs), low: at(0.025), high: at(0.975) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** Ranks from 0; equal values share the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const result: number[] = new Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) result[order[i]] = (from + to - 1) / 2;
    from = to;
  }
  return result;
}

/** Spearman's rank correlation: Pearson's of the ranks; NaN when one side is constant. */
export function spearman(pairs: readonly Pair[]): number {
  const [x, y] = [0, 1].map((side) => ranks(pairs.map((pair) => pair[side])));
  const centre = (pairs.length - 1) / 2;
  const dot = (p: number[], q: number[]): number => p.reduce((sum, v, i) => sum + (v - centre) * (q[i] - centre), 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** Kendall's τ_b: concordant less discordant pairs, corrected for ties. @see Kendall, Rank Correlation Methods (1948) */
export function kendall(pairs: readonly Pair[]): number {
  let [agreement, untiedX, untiedY] = [0, 0, 0];
  for (let i = 0; i < pairs.length; i++)
    for (let j = 0; j < i; j++) {
      const x = Math.sign(pairs[i][0] - pairs[j][0]);
      const y = Math.sign(pairs[i][1] - pairs[j][1]);
      agreement += x * y;
      untiedX += x * x;
      untiedY += y * y;
    }
  return agreement / Math.sqrt(untiedX * untiedY);
}
