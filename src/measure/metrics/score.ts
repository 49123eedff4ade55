import type { Memory } from '../../core/memory.ts';
import { checkpoint, type WorkOptions } from '../../core/progress.ts';
import { normBefore, usesOf } from '../../graph/uses.ts';
import type { Kernels } from '../../kernels/contract.ts';
import type { Model, ModelTensor } from '../../model/types.ts';
import { bitsPerWeight, format } from '../../numeric/table.ts';
import { calibration, relativeError } from '../calibrate.ts';
import { partsOf } from '../parts.ts';
import type { TokenBatch } from '../plan.ts';
import type { Measurement } from '../types.ts';
import { squares } from './output-error.ts';
import { ChangedRuns } from './passes/blocks.ts';
import { type Layer, visitLayers } from './passes/layers.ts';
import type {
  CandidateNorm,
  Change,
  EvaluationMetric,
  FactorMetric,
  LayerCollector,
  LayerMetric,
  Metric,
  Score,
  ScoreTable,
  WeightMetric,
} from './types.ts';

/** Whoever rounds the candidates: their errors are handed in, so that measuring need not know how to round. */
export interface CandidateSource {
  readonly tensors: readonly ModelTensor[];
  /** Names of a matrix's candidates, fewest bits first. */
  formats(tensor: ModelTensor): readonly string[];
  /** δW = W − Q(W), [rows, columns]. */
  delta(tensor: ModelTensor, format: string): Promise<Float32Array>;
}

/** What metrics are computed from. */
export interface ScoreTask extends WorkOptions {
  readonly kernels: Kernels;
  readonly model: Model;
  readonly candidates: CandidateSource;
  readonly measurement: Measurement;
  /** Text that the layer metrics see: sequences that rounding did not see. */
  readonly tokens: TokenBatch;
  /** Text for true evaluations, fewer tokens; and text of the model's own, asked for when needed. */
  readonly evaluated: TokenBatch;
  readonly ownText: () => Promise<TokenBatch>;
  readonly seed: number;
  readonly memory: Memory<Score[]>;
}

/** Changes whenever scores of the same name would come out otherwise. */
const SCORE_VERSION = 1;

/** Scores every candidate of every matrix by every metric. Metrics that look at the same thing share the passes. */
export async function scoreCandidates(
  metrics: readonly Metric[],
  task: ScoreTask,
): Promise<ReadonlyMap<Metric, ScoreTable>> {
  const scores = new PartialScores(task);
  await scores.recall(metrics);
  const of = <S extends Metric['stage']>(stage: S) =>
    metrics.filter((metric): metric is Extract<Metric, { stage: S }> => metric.stage === stage);
  await scoreMatrices(of('weights'), of('factors'), task, scores);
  await scoreLayers(of('layers'), task, scores);
  for (const text of ['calibration', 'own'] as const)
    await scoreEvaluations(
      of('evaluations').filter((metric) => metric.text === text),
      task,
      scores,
    );
  return new Map(
    metrics.map((metric) => {
      const table = scores.table(metric);
      return [metric, metric.finish?.(table, task.candidates.tensors) ?? table];
    }),
  );
}

/** Scores known so far, matrix by matrix. */
class PartialScores {
  readonly #task: ScoreTask;
  readonly #known = new Map<string, Score[]>();

  constructor(task: ScoreTask) {
    this.#task = task;
  }

  async recall(metrics: readonly Metric[]): Promise<void> {
    for (const metric of metrics)
      for (const tensor of this.#task.candidates.tensors) {
        const found = await this.#task.memory.get(this.#key(metric, tensor));
        if (found) this.#known.set(this.#key(metric, tensor), found);
      }
  }

  /** Those of the metrics that have not scored the matrix yet. */
  missing<M extends Metric>(metrics: readonly M[], tensor: ModelTensor): M[] {
    return metrics.filter((metric) => !this.#known.has(this.#key(metric, tensor)));
  }

  async add(metric: Metric, tensor: ModelTensor, scores: Score[]): Promise<void> {
    this.#known.set(this.#key(metric, tensor), scores);
    await this.#task.memory.put(this.#key(metric, tensor), scores);
  }

  table(metric: Metric): ScoreTable {
    const { tensors } = this.#task.candidates;
    return new Map(tensors.map((tensor) => [tensor.name, this.#known.get(this.#key(metric, tensor))!]));
  }

  #key(metric: Metric, tensor: ModelTensor): string {
    const { candidates, tokens, evaluated, seed, measurement } = this.#task;
    const text = metric.stage === 'evaluations' ? evaluated : tokens;
    const size = metric.stage === 'weights' ? [] : [measurement.key.text, text.sequences, text.length, seed];
    return JSON.stringify(['score', SCORE_VERSION, metric.name, tensor.name, candidates.formats(tensor), ...size]);
  }
}

async function changeOf(task: ScoreTask, tensor: ModelTensor, name: string, weight: Float32Array): Promise<Change> {
  return {
    tensor,
    bits: bitsPerWeight(format(name)),
    weight,
    delta: await task.candidates.delta(tensor, name),
  };
}

async function scoreMatrices(
  byWeight: readonly WeightMetric[],
  byFactors: readonly FactorMetric[],
  task: ScoreTask,
  scores: PartialScores,
): Promise<void> {
  const { candidates, signal, onProgress } = task;
  for (const [i, tensor] of candidates.tensors.entries()) {
    await checkpoint(signal);
    const wanted = [...scores.missing(byWeight, tensor), ...scores.missing(byFactors, tensor)];
    if (wanted.length === 0) continue;
    const weight = await tensor.load();
    const changes: Change[] = [];
    for (const name of candidates.formats(tensor)) changes.push(await changeOf(task, tensor, name, weight));
    const gains = await gainsOf(task.model, tensor);
    for (const metric of wanted) {
      if (metric.stage === 'weights') {
        await scores.add(
          metric,
          tensor,
          changes.map((change) => metric.score(change, gains)),
        );
        continue;
      }
      await scores.add(metric, tensor, await factorScores(metric, task, tensor, changes));
    }
    onProgress?.({
      stage: 'scoring',
      done: i + 1,
      total: candidates.tensors.length,
      unit: 'matrices',
      detail: tensor.name,
    });
  }
}

/** Scores of a matrix; of stacked ones the sums over all. */
async function factorScores(
  metric: FactorMetric,
  task: ScoreTask,
  tensor: ModelTensor,
  changes: readonly Change[],
): Promise<Score[]> {
  const { kernels } = task;
  const columns = tensor.shape[1];
  const parts: Score[][] = [];
  for (const { name, startRow, endRow } of partsOf(tensor)) {
    const facts = await factorFacts(task, tensor, name);
    const rowsOf = (values: Float32Array): Float32Array => values.subarray(startRow * columns, endRow * columns);
    const own = changes.map((change) => ({ ...change, weight: rowsOf(change.weight), delta: rowsOf(change.delta) }));
    parts.push(kernels.scope(() => own.map(metric.open(kernels, facts))));
  }
  if (parts.length === 1) return parts[0];
  return changes.map((_, i) => ({ value: parts.reduce((sum, scores) => sum + scores[i].value, 0) }));
}

/** @param part name of the measurement */
async function factorFacts({ measurement }: ScoreTask, tensor: ModelTensor, part: string) {
  const { summaries, key } = measurement;
  return {
    measurement: await measurement.read(part),
    calibration: calibration(summaries, key.sequenceLength).value,
    relativeError: relativeError(summaries, tensor.name),
  };
}

/** Gains of the norm whose outputs the matrix reads. */
async function gainsOf({ graph, tensors }: Model, { name }: ModelTensor): Promise<Float32Array | undefined> {
  const use = usesOf(graph).find(({ tensor, kind }) => tensor === name && kind !== 'lookup');
  const norm = use === undefined ? undefined : normBefore(graph, use);
  return norm === undefined ? undefined : await tensors.get(norm)?.load();
}

/** A matrix while layer metrics collect. */
interface Collected {
  readonly metrics: ReadonlyMap<LayerMetric, LayerCollector>;
  readonly norms: CandidateNorm[];
}

async function scoreLayers(metrics: readonly LayerMetric[], task: ScoreTask, scores: PartialScores): Promise<void> {
  const { candidates, tokens, seed, signal, onProgress, kernels, model } = task;
  const wanted = metrics.filter((metric) => candidates.tensors.some((t) => scores.missing([metric], t).length > 0));
  if (wanted.length === 0) return;
  const open = new Map<string, Collected>();
  const finish = async (tensor: ModelTensor): Promise<void> => {
    const { metrics: collectors, norms } = open.get(tensor.name)!;
    for (const [metric, collector] of collectors) await scores.add(metric, tensor, collector.scores(norms));
    open.delete(tensor.name);
  };
  const labels = wanted.some(({ textLabels }) => textLabels) ? (['sampled', 'text'] as const) : (['sampled'] as const);
  await visitLayers(kernels, model, tokens, { labels, seed, signal, onProgress }, async (layer) => {
    const missing = scores.missing(wanted, layer.tensor);
    if (missing.length === 0) return;
    const collected = open.get(layer.tensor.name) ?? (await openCollected(missing, task, layer.tensor));
    open.set(layer.tensor.name, collected);
    await showLayer(collected, task, layer);
    if (layer.tensor.layer >= 0) await finish(layer.tensor);
  });
  // Head and embedding come in parts, and may be one matrix.
  for (const tensor of candidates.tensors) if (open.has(tensor.name)) await finish(tensor);
}

async function openCollected(
  metrics: readonly LayerMetric[],
  task: ScoreTask,
  tensor: ModelTensor,
): Promise<Collected> {
  const { kernels, model, candidates, tokens } = task;
  const formats = candidates.formats(tensor);
  const { sequences, length } = tokens;
  const shape = { tensor, kernels, config: model.config, candidates: formats.length, sequences, length };
  const norms: CandidateNorm[] = [];
  for (const name of formats)
    norms.push({ bits: bitsPerWeight(format(name)), squares: squares(await candidates.delta(tensor, name)) });
  return { metrics: new Map(metrics.map((metric) => [metric, metric.collect(shape)])), norms };
}

async function showLayer({ metrics }: Collected, task: ScoreTask, layer: Layer): Promise<void> {
  const { candidates, kernels, signal } = task;
  for (const collector of metrics.values()) collector.layer?.(layer);
  if (![...metrics.keys()].some(({ changes }) => changes)) return;
  for (const [candidate, name] of candidates.formats(layer.tensor).entries()) {
    await checkpoint(signal);
    const delta = await candidates.delta(layer.tensor, name);
    const outputs = layer.outputs(delta);
    for (const collector of metrics.values()) collector.change?.(layer, candidate, delta, outputs);
    kernels.free(outputs);
  }
}

async function scoreEvaluations(
  metrics: readonly EvaluationMetric[],
  task: ScoreTask,
  scores: PartialScores,
): Promise<void> {
  const { candidates, kernels, model, signal, onProgress } = task;
  const open = candidates.tensors.filter((tensor) => scores.missing(metrics, tensor).length > 0);
  if (open.length === 0) return;
  const text = metrics[0].text === 'own' ? await task.ownText() : task.evaluated;
  const runs = await ChangedRuns.open(kernels, model, text, task);
  try {
    for (const [done, tensor] of open.entries()) {
      const wanted = scores.missing(metrics, tensor);
      const suffix = wanted.some((metric) => metric.suffix);
      const weight = await tensor.load();
      const found = new Map(wanted.map((metric) => [metric, [] as Score[]]));
      for (const name of candidates.formats(tensor)) {
        await checkpoint(signal);
        const { delta } = await changeOf(task, tensor, name, weight);
        const effect = await runs.effect(
          tensor,
          weight.map((value, i) => value - delta[i]),
          suffix,
        );
        for (const metric of wanted) found.get(metric)!.push(metric.score(effect));
      }
      for (const [metric, list] of found) await scores.add(metric, tensor, list);
      onProgress?.({ stage: 'evaluating', done: done + 1, total: open.length, unit: 'matrices', detail: tensor.name });
    }
  } finally {
    runs.close();
  }
}
