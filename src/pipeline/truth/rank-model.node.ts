import type { Metric, Score } from '../../measure/metrics/types.ts';
import type { TokenBatch } from '../../measure/plan.ts';
import type { Model } from '../../model/types.ts';
import type { Host } from '../host/types.ts';
import { Session, type SessionOptions } from '../session.ts';
import { calibrationTokens, evaluationTokens, sequenceLength, type TextChoice } from '../texts.ts';
import { TruthBench } from './bench.ts';
import { coarsePalette } from './candidates.ts';
import { mismatch, type RankedMetric, rankAll, scoreBench } from './rank.ts';
import { storedTruth } from './stored.node.ts';
import type { Truth } from './truth.ts';

export interface RankModelOptions extends ScoreModelOptions {
  readonly evaluation: TextChoice;
  /** Evaluate so many plans, even where truth is stored. */
  readonly plans?: number;
  /** Plans where nothing is stored. */
  readonly defaultPlans: number;
}

export interface RankResult {
  readonly ranked: readonly RankedMetric[];
  /** What cannot be ranked, and what to know of the truth: one line each. */
  readonly notes: readonly string[];
  readonly plans: number;
  readonly tokens: number;
  /** Least and largest true KL. */
  readonly kl: readonly [number, number];
}

/** Scores a model's candidates by the metrics and judges them by stored truth, or by truth made now. Closes the model. */
export async function rankModel(
  host: Host,
  model: Model,
  metrics: readonly Metric[],
  options: RankModelOptions,
): Promise<RankResult> {
  return await withBench(host, model, options, async (bench, tokens) => {
    const notes: string[] = [];
    const truth = (await usableTruth(bench, options, notes)) ?? (await freshTruth(bench, options));
    const scores = await scoreBench(bench, metrics, tokens, options);
    const { ranked, unranked } = rankAll(scores, truth, model.config.layers);
    notes.push(...unranked.map(({ name, reason }) => `${name}: ${reason}`));
    const kl = truth.plans.map((plan) => plan.kl);
    const range = [Math.min(...kl), Math.max(...kl)] as const;
    return { ranked, notes, plans: kl.length, tokens: truth.evaluation.tokens, kl: range };
  });
}

export interface ScoreModelOptions extends SessionOptions {
  readonly calibration: TextChoice;
}

/** One candidate by one metric. */
export interface ScoreRow extends Score {
  readonly metric: string;
  readonly nats: boolean;
  readonly tensor: string;
  readonly format: string;
}

/** Scores of the coarse candidates of every matrix, metric by metric. Closes the model. */
export async function scoreModel(
  host: Host,
  model: Model,
  metrics: readonly Metric[],
  options: ScoreModelOptions,
): Promise<ScoreRow[]> {
  return await withBench(host, model, options, async (bench, tokens) => {
    const scores = await scoreBench(bench, metrics, tokens, options);
    return [...scores].flatMap(([{ name, nats }, table]) =>
      bench.candidates.tensors.flatMap((tensor) =>
        coarsePalette(tensor).map((format, i): ScoreRow => {
          const { value, standardError } = table.get(tensor.name)![i];
          return { metric: name, nats, tensor: tensor.name, format, value, standardError };
        }),
      ),
    );
  });
}

async function withBench<T>(
  host: Host,
  model: Model,
  options: ScoreModelOptions,
  work: (bench: TruthBench, tokens: TokenBatch) => Promise<T>,
): Promise<T> {
  const session = await Session.open(host, model, options);
  try {
    const tokens = await calibrationTokens(host, model, options.calibration, options.seed ?? 0);
    const bench = await TruthBench.open(session, await session.measure(tokens), { rounding: 'gptq' });
    try {
      return await work(bench, tokens);
    } finally {
      await bench.close();
    }
  } finally {
    await session.close();
  }
}

async function usableTruth(bench: TruthBench, options: RankModelOptions, notes: string[]): Promise<Truth | undefined> {
  if (options.plans !== undefined) return undefined;
  const stored = await storedTruth(bench.session.model);
  if (stored === undefined) return undefined;
  const reason = await mismatch(bench, stored);
  if (reason === undefined) return stored;
  notes.push(`stored truth is not used: ${reason}; ${options.defaultPlans} plans were evaluated instead`);
  return undefined;
}

async function freshTruth(bench: TruthBench, options: RankModelOptions): Promise<Truth> {
  const { host, model } = bench.session;
  return await bench.truth({
    plans: options.plans ?? options.defaultPlans,
    seed: options.seed ?? 0,
    tokens: await evaluationTokens(host, model, options.evaluation),
    length: sequenceLength(model),
    name: model.config.name ?? 'model',
    signal: options.signal,
    onProgress: options.onProgress,
  });
}
