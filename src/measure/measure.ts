import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { boundaryInputs, firstReader, segment, segmentCount, segmentOf, segmentReading } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import { usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import { streamedExperts } from '../model/streamed.ts';
import type { Model, ModelTensor, Network } from '../model/types.ts';
import { categorical } from '../objective/categorical.ts';
import { gaussian } from '../objective/gaussian.ts';
import type { Objective } from '../objective/types.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries, sharedPlaces } from '../run/boundaries.ts';
import { tensorOf } from '../run/program.ts';
import { SegmentedRun } from '../run/segments.ts';
import { numbersPerSequence, type Sequences, textSequences } from '../run/sequences.ts';
import { isPooled } from './graph.ts';
import { measurementKey, textDigest } from './key.ts';
import { measureLookup } from './lookup.ts';
import { planBatches, type SequenceBatch, type TokenBatch } from './plan.ts';
import { type Gradients, type MeasuredTable, SegmentMeasurement } from './segment.ts';
import type { StackSums } from './stack.ts';
import { tailPieces } from './tail.ts';
import type {
  MeasuredData,
  Measurement,
  MeasurementKey,
  MeasurementStore,
  ResumePoint,
  UseMeasurement,
} from './types.ts';
import { refuseCertainty, refuseNotFinite } from './usable.ts';

export interface MeasureOptions extends WorkOptions {
  /** Where results go and where an interrupted measurement goes on from. */
  store: MeasurementStore;
  /** Seed of the sampled labels, default 0. */
  seed?: number;
  /** Tokens per pass, default BATCH_TOKENS; at least one sequence. */
  batchTokens?: number;
  /** Keeps values between segments, default in memory; `boundaryStore` of run/boundaries.node.ts uses a file. */
  boundaries?: (shape: BoundaryShape) => BoundaryStore;
  /** Bytes that the experts of a block may take at once, default EXPERT_BYTES: those that take more come some at a time. */
  expertBytes?: number;
}

/** Bytes of a block's experts while they are measured: weights, perturbations, and factors of both halves. */
export const EXPERT_BYTES = 2 ** 27;

/** Cost of one segment's backward pass, factors included, in forward passes. */
const BACKWARD_COST = 4;
/** Cost of the last segments, which run once: product, gradient and sketch. */
const TAIL_COST = 2.2;

/** Measures a language model on text, see `measureNetwork`. */
export async function measureModel(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  options: MeasureOptions,
): Promise<Measurement> {
  return await measureNetwork(kernels, model, await textData(model, tokens), options);
}

/**
 * Text as a model is measured on it: by its next tokens, or by its vectors. What is measured counts by token, and a text has one
 * vector, so its labels are drawn √length wider: losses are then 1 − cosine of a text.
 */
export async function textData({ config }: Pick<Model, 'config'>, tokens: TokenBatch): Promise<MeasuredData> {
  const objective = config.embedding === undefined ? categorical : gaussian(1 / Math.sqrt(tokens.length));
  return { sequences: textSequences(tokens), digest: await textDigest(tokens), objective };
}

/**
 * Measures every matrix of a network: labels are sampled from its own predictions on the calibration tokens, and one
 * backward pass gives the factors of the KL form (docs/method.md). Streams segment by segment: in memory are one
 * segment, the values of a batch, its factors, and what lives between segments. A finished measurement is reused, an
 * interrupted one goes on behind its last finished segment.
 * @throws UsageError for fewer than two sequences; BitbudgetError where the network computes what is no number, or is certain
 * of everything; signal.reason when aborted
 */
export async function measureNetwork(
  kernels: Kernels,
  network: Network,
  data: MeasuredData,
  options: MeasureOptions,
): Promise<Measurement> {
  const batches = planBatches(data.sequences, options.batchTokens);
  const key = await measurementKey(kernels, network, data, options.seed ?? 0);
  const found = await options.store.find(key);
  if (found) return found;
  const resume = await options.store.resume(key);
  const work = new Work(kernels, network, data, { batches, key, resume, options });
  try {
    return await work.run();
  } finally {
    work.close();
  }
}

interface Task {
  readonly batches: readonly SequenceBatch[];
  readonly key: MeasurementKey;
  readonly resume: ResumePoint | undefined;
  readonly options: MeasureOptions;
}

/** One measurement. */
class Work {
  readonly #kernels: Kernels;
  /** With experts that come some at a time, and outputs for all rows. */
  readonly #model: Network;
  /** Nodes that begin a segment within a block's experts: work is not resumed there. */
  readonly #inner: ReadonlySet<number>;
  readonly #stacks = new Map<string, StackSums>();
  /** Whether outputs are wanted row by row. */
  readonly #rowwise: boolean;
  readonly #sequences: Sequences;
  readonly #objective: Objective;
  readonly #task: Task;
  readonly #graph: Graph;
  readonly #run: SegmentedRun;
  readonly #boundaries: BoundaryStore;
  /** First of the last segments, which give the output. */
  readonly #tail: number;
  /** Work of every segment before the last ones, and of those together, in tokens through an average segment. */
  readonly #costs: readonly number[];
  readonly #gradients: Gradients = new Map();
  readonly #report: (cost: number, detail: string) => Promise<void>;

  constructor(kernels: Kernels, model: Network, { sequences, objective }: MeasuredData, task: Task) {
    this.#kernels = kernels;
    const whole = allRows(model.graph);
    const { network, inner, sums } = streamedExperts(
      { ...model, graph: whole },
      task.options.expertBytes ?? EXPERT_BYTES,
      bytesOfExpert,
    );
    this.#model = network;
    this.#inner = inner;
    this.#task = task;
    this.#graph = network.graph;
    this.#sequences = sequences;
    this.#objective = objective;
    this.#run = new SegmentedRun(kernels.device, network, this.#graph, this.#sequences, { states: 'whole' });
    const asked = segmentReading(model.graph, 'wanted');
    this.#rowwise = asked < segmentCount(model.graph);
    // Counted from the end: experts of blocks before it may have become segments of their own.
    this.#tail = segmentCount(this.#graph) - Math.max(1, segmentCount(whole) - asked);
    const [sum] = sums;
    const placeOf = (value: ValueId): ValueId => (sums.has(value) ? sum : value);
    const shape = this.#run.boundaryShape();
    this.#boundaries = sharedPlaces(shape, placeOf, task.options.boundaries ?? memoryBoundaries);
    this.#costs = relativeCosts(this.#graph, this.#tail).map((cost) => cost * sequences.length);
    this.#report = this.#reporter();
  }

  async run(): Promise<Measurement> {
    const { resume, key, options } = this.#task;
    const from = resume?.layer ?? this.#tail;
    await this.#forward(resume ? from - 1 : this.#tail);
    let probability = resume?.probability;
    if (resume !== undefined) this.#restore(from, resume.gradient);
    probability ??= await this.#measureTail();
    const last: UseMeasurement[] = [];
    for (let index = from - 1; index >= 0; index--) {
      const uses = await this.#backward(index, probability);
      if (index === 0) last.push(...uses);
      else if (this.#inner.has(this.#graph.cuts[index - 1])) await options.store.add(key, uses);
      else await this.#save(index, uses, probability);
    }
    return await options.store.finish(key, last);
  }

  /** Fills the store with what segments before `to` make. */
  async #forward(to: number): Promise<void> {
    await this.#run.forward(0, to, this.#boundaries, {
      batches: this.#task.batches,
      report: (index, { order }) => this.#report(this.#costs[index] * order.length, this.#name(index, 'forward')),
    });
  }

  /** Labels, the output's factors, and the gradients of what the last segments read. → mean predicted probabilities */
  async #measureTail(): Promise<Float32Array> {
    const part = segment(this.#graph, this.#tail, segmentCount(this.#graph));
    const { sequences, pieces } = tailPieces(this.#sequences, part, this.#task.batches, this.#rowwise);
    const { device, target } = this.#run;
    const run =
      sequences === this.#sequences ? this.#run : new SegmentedRun(device, this.#model, this.#graph, sequences, target);
    const summed = this.#openGradients(part);
    const all = pieces.flatMap(({ parts }) => parts);
    const objective = this.#objective;
    const measured = await SegmentMeasurement.open(run, this.#kernels, part, all, {
      sequences: this.#sequences.sequences,
      objective,
      pooled: isPooled(this.#graph),
      summed,
    });
    const width = part.values[part.outputs[0]].shape[1] as number;
    const rows = numbersPerSequence(this.#graph, part.outputs[0], this.#sequences) / width;
    try {
      for (const { batch, parts } of pieces) {
        const draws = objective.draws(this.#task.key.seed, batch.order, rows, width);
        const each = draws.length / parts.reduce((sum, { order }) => sum + order.length, 0);
        for (const piece of parts) {
          const at = (piece.start - parts[0].start) * each;
          const own = draws.subarray(at, at + piece.order.length * each);
          await measured.batch(piece, this.#boundaries, this.#gradients, { draws: own, owners: piece.owners });
          const share = (piece.order.length * run.sequences.length) / this.#sequences.length;
          await this.#report(TAIL_COST * this.#costs[this.#tail] * share, 'output head');
        }
        if (batch.last) await measured.finishHalf();
      }
      const uses = measured.takeUses();
      refuseNotFinite(uses);
      refuseCertainty(boundaryInputs(part).flatMap((value) => this.#gradients.get(value) ?? []));
      const probability = meanPrediction(measured.outputSums, this.#sequences.sequences * rows);
      this.#dropFrom(this.#tail, part);
      await this.#save(this.#tail, uses, probability);
      return probability;
    } finally {
      measured.close();
      if (run !== this.#run) run.close();
    }
  }

  /** Takes the gradients back through a segment. → what it measured */
  async #backward(index: number, probability: Float32Array): Promise<UseMeasurement[]> {
    const part = segment(this.#graph, index, index + 1);
    const summed = this.#openGradients(part);
    const { batches } = this.#task;
    const { sequences } = this.#sequences;
    const options = { sequences, pooled: isPooled(this.#graph), summed, stacks: this.#stacks };
    const measured = await SegmentMeasurement.open(this.#run, this.#kernels, part, batches, options);
    try {
      for (const batch of batches) {
        await measured.batch(batch, this.#boundaries, this.#gradients);
        if (batch.last) await measured.finishHalf();
        await this.#report(this.#costs[index] * batch.order.length * BACKWARD_COST, this.#name(index, 'backward'));
      }
      const uses = measured.takeUses();
      refuseNotFinite(uses);
      for (const value of part.outputs) this.#gradients.delete(value);
      this.#dropFrom(index, part);
      const tables = measured.tables().map((table) => this.#measureTable(table, probability));
      if (index > 0 && !this.#inner.has(this.#graph.cuts[index - 1])) this.#stacks.clear();
      return [...uses, ...tables];
    } finally {
      measured.close();
    }
  }

  #measureTable({ use, rows, gradient }: MeasuredTable, probability: Float32Array): UseMeasurement {
    const tensor = tensorOf(this.#model, use.tensor);
    const { batches } = this.#task;
    const { sequences, length } = this.#sequences;
    const input = this.#graph.values[use.input];
    const name = input.source === 'input' ? input.name : '';
    const ids = this.#sequences.input(name, [...Array(sequences).keys()]) as Int32Array;
    const tokens = { sequences, length, ids };
    return measureLookup({ kernels: this.#kernels, tensor, tokens, batches, rows, gradient, probability });
  }

  /** Forgets what a segment reads and none before it: on the way back, those come later. */
  #dropFrom(index: number, part: Graph): void {
    for (const value of boundaryInputs(part))
      if (firstReader(this.#graph, value) >= index) this.#boundaries.drop(value);
  }

  /**
   * Room for the gradients of what a segment reads. Where gradients of its outputs are used up by it, theirs is taken over,
   * batch by batch.
   * @returns values whose gradients later segments have begun
   */
  #openGradients(part: Graph): Set<ValueId> {
    const summed = new Set<ValueId>();
    const free = part.outputs.flatMap((value) => this.#gradients.get(value) ?? []);
    for (const value of boundaryInputs(part)) {
      if (this.#gradients.has(value)) summed.add(value);
      else {
        const numbers = numbersPerSequence(this.#graph, value, this.#sequences) * this.#sequences.sequences;
        const index = free.findIndex(({ length }) => length === numbers);
        this.#gradients.set(value, index < 0 ? new Float32Array(numbers) : free.splice(index, 1)[0]);
      }
    }
    return summed;
  }

  async #save(layer: number, uses: readonly UseMeasurement[], probability: Float32Array): Promise<void> {
    const live = this.#live(layer).map((value) => this.#gradients.get(value)!);
    const gradient = live.length === 1 ? live[0] : concatenated(live);
    await this.#task.options.store.save(this.#task.key, uses, { layer, gradient, probability });
  }

  #restore(layer: number, gradient: Float32Array): void {
    let at = 0;
    for (const value of this.#live(layer)) {
      const numbers = numbersPerSequence(this.#graph, value, this.#sequences) * this.#sequences.sequences;
      this.#gradients.set(value, Float32Array.from(gradient.subarray(at, at + numbers)));
      at += numbers;
    }
  }

  /** Values that segments before `layer` make and that segments from it on read, ascending. */
  #live(layer: number): ValueId[] {
    const rest = segment(this.#graph, layer, segmentCount(this.#graph));
    return boundaryInputs(rest).filter((value) => rest.values[value].type === 'f32');
  }

  #name(index: number, direction: string): string {
    return `segment ${index} of ${this.#tail}, ${direction}`;
  }

  /** Counts work in tokens through an average segment's forward pass; resumed work counts only what is left. */
  #reporter(): (cost: number, detail: string) => Promise<void> {
    const { resume, options } = this.#task;
    const { sequences } = this.#sequences;
    const sum = (to: number): number => this.#costs.slice(0, Math.max(0, to)).reduce((a, b) => a + b, 0);
    const total =
      resume === undefined
        ? sequences * (sum(this.#tail) * (1 + BACKWARD_COST) + TAIL_COST * this.#costs[this.#tail])
        : sequences * (sum(resume.layer - 1) + sum(resume.layer) * BACKWARD_COST);
    let done = 0;
    return async (cost, detail) => {
      done += cost;
      const event = { done: Math.min(Math.round(done), Math.round(total)), total: Math.round(total) };
      options.onProgress?.({ stage: 'measuring', ...event, unit: 'block tokens', detail });
      await checkpoint(options.signal);
    };
  }

  close(): void {
    this.#run.close();
    this.#boundaries.close();
  }
}

/** What one expert takes while it is measured: weights, a quarter of them changed, and the factors of three sums. */
function bytesOfExpert(tensors: readonly ModelTensor[]): number {
  return tensors.reduce((sum, { shape: [rows, columns], experts }) => {
    return sum + 4 * ((1.25 * rows * columns) / experts! + 3 * columns * columns);
  }, 0);
}

/** Multiply-adds of every segment before `tail`, and of all from it on, in those of an average one before it. */
function relativeCosts(graph: Graph, tail: number): number[] {
  const costs = new Array<number>(tail + 1).fill(0);
  for (const { weight, kind, node } of usesOf(graph)) {
    const [rows, columns] = graph.values[weight].shape as number[];
    if (kind !== 'lookup') costs[Math.min(tail, segmentOf(graph, node))] += rows * columns;
  }
  const average = costs.slice(0, tail).reduce((sum, cost) => sum + cost, 0) / Math.max(1, tail);
  return costs.map((cost) => cost / Math.max(1, average));
}

/** How often each output was predicted on average; empty where the objective does not tell. */
function meanPrediction(halves: readonly (readonly (Float32Array | Float64Array)[])[], rows: number): Float32Array {
  if (halves.length === 0) return new Float32Array(0);
  const total = new Float64Array(halves[0][0].length);
  for (const [prediction] of halves) for (let i = 0; i < total.length; i++) total[i] += prediction[i];
  return Float32Array.from(total, (sum) => sum / rows);
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
