import { BitbudgetError } from '../../core/errors.ts';
import type { Memory } from '../../core/memory.ts';
import type { WorkOptions } from '../../core/progress.ts';
import { Random } from '../../core/random.ts';
import { predictPlan, type Ranking, rankMetric } from '../../measure/metrics/rank.ts';
import { scoreCandidates } from '../../measure/metrics/score.ts';
import type { Metric, ScoreTable } from '../../measure/metrics/types.ts';
import type { TokenBatch } from '../../measure/plan.ts';
import { sample } from '../../run/sampler.ts';
import { createSession } from '../../run/session.ts';
import type { TruthBench } from './bench.ts';
import { coarsePalette } from './candidates.ts';
import { squaredErrors } from './evaluate.ts';
import type { Truth } from './truth.ts';

/** A ranked metric with what it costs. */
export interface RankedMetric extends Ranking {
  /** Forward passes over its text, for all candidates. */
  readonly cost: number;
  readonly needs: Metric['needs'];
}

/** A metric that cannot be ranked, and why. */
export interface UnrankedMetric {
  readonly name: string;
  readonly reason: string;
}

/** Tokens that layer metrics see, of sequences that rounding did not see, and tokens of true evaluations. */
const LAYER_TOKENS = 4096;
const EVALUATED_TOKENS = 512;

/**
 * Scores of the bench's candidates by every metric.
 * @param tokens calibration text, [sequences, length]; the layer metrics see odd sequences of it
 */
export async function scoreBench(
  bench: TruthBench,
  metrics: readonly Metric[],
  tokens: TokenBatch,
  work: WorkOptions = {},
): Promise<ReadonlyMap<Metric, ScoreTable>> {
  const { session, candidates, measurement, workspace } = bench;
  const { kernels, model } = session;
  return await scoreCandidates(metrics, {
    ...work,
    kernels,
    model,
    measurement,
    candidates: {
      tensors: candidates.tensors,
      formats: (tensor) => candidates.formats(tensor),
      delta: (tensor, name) => candidates.delta(tensor, name),
    },
    tokens: unseen(tokens, LAYER_TOKENS),
    evaluated: unseen(tokens, EVALUATED_TOKENS),
    ownText: () => ownText(bench, EVALUATED_TOKENS, tokens.length),
    seed: measurement.key.seed,
    memory: keyed(workspace.memory(), candidates.rounding),
  });
}

/** Scores of one rounding are kept apart from those of another. */
function keyed<T>(memory: Memory<T>, rounding: string): Memory<T> {
  const named = (key: string): string => JSON.stringify([rounding, key]);
  return { get: (key) => memory.get(named(key)), put: (key, value) => memory.put(named(key), value) };
}

/** Odd sequences, at most so many tokens and at least one sequence. */
function unseen({ sequences, length, ids }: TokenBatch, tokens: number): TokenBatch {
  const odd = Array.from({ length: sequences >> 1 }, (_, i) => 2 * i + 1);
  const chosen = odd.slice(0, Math.max(1, Math.floor(tokens / length)));
  const rows = chosen.map((s) => ids.subarray(s * length, (s + 1) * length));
  const joined = new Int32Array(rows.length * length);
  for (const [i, row] of rows.entries()) joined.set(row, i * length);
  return { sequences: rows.length, length, ids: joined };
}

/** Sequences drawn from the model's own distribution, the first token of each from its distribution after one token. */
async function ownText({ session }: TruthBench, tokens: number, length: number): Promise<TokenBatch> {
  const { kernels, model } = session;
  const sequences = Math.max(1, Math.floor(tokens / length));
  const ids = new Int32Array(sequences * length);
  const run = await createSession(kernels.device, model, { contextLength: length, exact: true });
  const random = new Random(session.options.seed ?? 0).fork('own text');
  const whole = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  try {
    for (let s = 0; s < sequences; s++) {
      run.rewind(0);
      ids[s * length] = model.tokenizer.bos ?? 0;
      let logits = await run.prefill([ids[s * length]]);
      for (let t = 1; t < length; t++) {
        ids[s * length + t] = sample(logits, [], random, whole);
        if (t + 1 < length) logits = await run.decode(ids[s * length + t]);
      }
    }
  } finally {
    run.close();
  }
  return { sequences, length, ids };
}

/**
 * Mean difference of squared errors over the matrices of one width from which on rounding is another one than the truth’s:
 * single matrices differ by a few percent with the order of sums.
 */
const SAME_ROUNDING = 0.02;

/** Why a truth does not judge these candidates, or undefined when it does. */
export async function mismatch(bench: TruthBench, truth: Truth): Promise<string | undefined> {
  const { tensors } = bench.candidates;
  const palettes = tensors.map(coarsePalette);
  if (JSON.stringify([tensors.map(({ name }) => name), palettes]) !== JSON.stringify([truth.tensors, truth.palettes]))
    return 'the candidates are other formats than those of the stored plans';
  const errors = await squaredErrors(bench.candidates);
  const widths = Array.from({ length: Math.max(...errors.map(({ length }) => length)) }, (_, j) => {
    const differences = errors.flatMap((row, i) => (j in row ? [difference(row[j], truth.squaredErrors[i][j])] : []));
    return differences.reduce((sum, value) => sum + value, 0) / differences.length;
  });
  const most = Math.max(...widths);
  if (!(most > SAME_ROUNDING)) return undefined;
  return `squared errors of weights differ by ${(100 * most).toFixed(0)} % on average at one width from those of the stored plans (other calibration text, or rounding changed)`;
}

function difference(error: number, stored: number): number {
  return stored === error ? 0 : Math.abs(error / stored - 1);
}

/** Largest true KL of plans that count: above, second order has failed anyway. */
export const MOST_KL = 0.5;

/** Ranks every metric by the truth, best first; those that say the same of every plan are told apart. */
export function rankAll(
  scores: ReadonlyMap<Metric, ScoreTable>,
  truth: Truth,
  layers: number,
): { ranked: RankedMetric[]; unranked: UnrankedMetric[] } {
  const plans = truth.plans.filter(({ kl }) => kl < MOST_KL);
  if (plans.length < 3)
    throw new BitbudgetError(`truth: ${plans.length} plans below ${MOST_KL} nats, expected at least 3`);
  const ranked: RankedMetric[] = [];
  const unranked: UnrankedMetric[] = [];
  for (const [metric, table] of scores) {
    const pairs = plans.map(({ choice, kl }) => [predictPlan(metric, table, truth.tensors, choice), kl] as const);
    const ranking = rankMetric(metric, pairs);
    const cost = metric.cost({ layers, candidates: Math.max(...truth.palettes.map(({ length }) => length)) });
    if (ranking) ranked.push({ ...ranking, cost, needs: metric.needs });
    else unranked.push({ name: metric.name, reason: 'says the same of every plan: there is nothing to rank by' });
  }
  return { ranked: ranked.sort((a, b) => b.spearman.value - a.spearman.value), unranked };
}
