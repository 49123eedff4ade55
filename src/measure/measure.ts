import { checkpoint, type WorkOptions } from '../core/progress.ts';
import { allRows } from '../graph/rewrite.ts';
import { boundaryInputs, segment, segmentCount, segmentReading } from '../graph/segments.ts';
import type { Graph, ValueId } from '../graph/types.ts';
import { usesOf } from '../graph/uses.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model } from '../model/types.ts';
import { categorical } from '../objective/categorical.ts';
import { type BoundaryShape, type BoundaryStore, memoryBoundaries } from '../run/boundaries.ts';
import { lastReader } from '../run/forward.ts';
import type { TableRows } from '../run/lookups.ts';
import { tensorOf } from '../run/program.ts';
import { SegmentedRun } from '../run/segments.ts';
import { numbersPerSequence, type Sequences, textSequences } from '../run/sequences.ts';
import { measurementKey } from './key.ts';
import { measureLookup } from './lookup.ts';
import { planBatches, type SequenceBatch, type TokenBatch } from './plan.ts';
import { type Gradients, SegmentMeasurement } from './segment.ts';
import { tailPieces } from './tail.ts';
import type { Measurement, MeasurementKey, MeasurementStore, ResumePoint, UseMeasurement } from './types.ts';

export interface MeasureOptions extends WorkOptions {
  /** Where results go and where an interrupted measurement goes on from. */
  store: MeasurementStore;
  /** Seed of the sampled labels, default 0. */
  seed?: number;
  /** Tokens per pass, default BATCH_TOKENS; at least one sequence. */
  batchTokens?: number;
  /** Keeps values between segments, default in memory; `boundaryStore` of run/boundaries.node.ts uses a file. */
  boundaries?: (shape: BoundaryShape) => BoundaryStore;
}

/** Cost of one segment's backward pass, factors included, in forward passes. */
const BACKWARD_COST = 4;
/** Cost of the last segments, which run once: product, gradient and sketch. */
const TAIL_COST = 2.2;

/**
 * Measures every matrix of the model: labels are sampled from its own predictions on the calibration tokens, and one
 * backward pass gives the factors of the KL form (docs/method.md). Streams segment by segment: in memory are one
 * segment, the values of a batch, its factors, and what lives between segments. A finished measurement is reused, an
 * interrupted one goes on behind its last finished segment.
 * @throws UsageError for fewer than two sequences; signal.reason when aborted
 */
export async function measureModel(
  kernels: Kernels,
  model: Model,
  tokens: TokenBatch,
  options: MeasureOptions,
): Promise<Measurement> {
  const batches = planBatches(tokens, options.batchTokens);
  const key = await measurementKey(model, tokens, options.seed ?? 0);
  const found = await options.store.find(key);
  if (found) return found;
  const resume = await options.store.resume(key);
  const work = new Work(kernels, model, tokens, { batches, key, resume, options });
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
  readonly #model: Model;
  readonly #tokens: TokenBatch;
  readonly #sequences: Sequences;
  readonly #task: Task;
  readonly #graph: Graph;
  readonly #run: SegmentedRun;
  readonly #boundaries: BoundaryStore;
  /** First of the last segments, which give the output. */
  readonly #tail: number;
  readonly #gradients: Gradients = new Map();
  readonly #report: (cost: number, detail: string) => Promise<void>;

  constructor(kernels: Kernels, model: Model, tokens: TokenBatch, task: Task) {
    this.#kernels = kernels;
    this.#model = model;
    this.#tokens = tokens;
    this.#task = task;
    this.#graph = allRows(model.graph);
    this.#sequences = textSequences(tokens);
    this.#run = new SegmentedRun(kernels.device, model, this.#graph, this.#sequences, { states: 'whole' });
    const last = segmentCount(this.#graph) - 1;
    this.#tail = Math.min(last, segmentReading(model.graph, 'wanted'));
    this.#boundaries = (task.options.boundaries ?? memoryBoundaries)(this.#run.boundaryShape());
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
      if (index > 0) await this.#save(index, uses, probability);
      else last.push(...uses);
    }
    return await options.store.finish(key, last);
  }

  /** Fills the store with what segments before `to` make. */
  async #forward(to: number): Promise<void> {
    await this.#run.forward(0, to, this.#boundaries, {
      batches: this.#task.batches,
      report: (index, { order }) => this.#report(this.#cost(index) * order.length, this.#name(index, 'forward')),
    });
  }

  /** Labels, the output's factors, and the gradients of what the last segments read. → mean predicted probabilities */
  async #measureTail(): Promise<Float32Array> {
    const part = segment(this.#graph, this.#tail, segmentCount(this.#graph));
    const rowwise = segmentReading(this.#model.graph, 'wanted') < segmentCount(this.#graph);
    const { run, pieces } = tailPieces(this.#run, part, this.#task.batches, rowwise);
    const summed = this.#openGradients(part);
    const all = pieces.flatMap(({ parts }) => parts);
    const measured = await SegmentMeasurement.open(run, this.#kernels, part, all, {
      sequences: this.#tokens.sequences,
      objective: categorical,
      summed,
    });
    try {
      for (const { batch, parts } of pieces) {
        const draws = categorical.draws(this.#task.key.seed, batch.order, this.#tokens.length, 1);
        const first = parts[0].start * run.sequences.length;
        for (const piece of parts) {
          const at = piece.start * run.sequences.length - first;
          const count = piece.order.length * run.sequences.length;
          await measured.batch(piece, this.#boundaries, this.#gradients, {
            draws: draws.subarray(at, at + count),
            owners: piece.owners,
          });
          await this.#report((this.#tailCost() * count) / this.#tokens.length, 'output head');
        }
        if (batch.last) await measured.finishHalf();
      }
      const probability = meanProbability(measured.outputSums, this.#tokens.ids.length);
      for (const value of boundaryInputs(part)) this.#boundaries.drop(value);
      await this.#save(this.#tail, measured.uses(), probability);
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
    const { sequences } = this.#tokens;
    const measured = await SegmentMeasurement.open(this.#run, this.#kernels, part, batches, { sequences, summed });
    try {
      for (const batch of batches) {
        await measured.batch(batch, this.#boundaries, this.#gradients);
        if (batch.last) await measured.finishHalf();
        await this.#report(this.#cost(index) * batch.order.length * BACKWARD_COST, this.#name(index, 'backward'));
      }
      for (const value of part.outputs) this.#gradients.delete(value);
      for (const value of boundaryInputs(part))
        if (lastReader(this.#graph, value) === index) this.#boundaries.drop(value);
      const tables = [...measured.tables.rows].map(([name, rows]) =>
        this.#measureTable(name, rows, measured.lookups.get(name)!, probability),
      );
      return [...measured.uses(), ...tables];
    } finally {
      measured.close();
    }
  }

  #measureTable(name: string, rows: TableRows, gradient: Float32Array, probability: Float32Array): UseMeasurement {
    const tensor = tensorOf(this.#model, name);
    const { batches } = this.#task;
    return measureLookup({
      kernels: this.#kernels,
      tensor,
      tokens: this.#tokens,
      batches,
      rows,
      gradient,
      probability,
    });
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
        const numbers = numbersPerSequence(this.#graph, value, this.#sequences) * this.#tokens.sequences;
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
      const numbers = numbersPerSequence(this.#graph, value, this.#sequences) * this.#tokens.sequences;
      this.#gradients.set(value, Float32Array.from(gradient.subarray(at, at + numbers)));
      at += numbers;
    }
  }

  /** Values that segments before `layer` make and that segments from it on read, ascending. */
  #live(layer: number): ValueId[] {
    const rest = segment(this.#graph, layer, segmentCount(this.#graph));
    return boundaryInputs(rest).filter((value) => rest.values[value].type === 'f32');
  }

  /** Multiply-adds of a segment per sequence, in those of an average one. */
  #cost(index: number): number {
    return relativeCost(this.#graph, index, index + 1, this.#tail) * this.#tokens.length;
  }

  #tailCost(): number {
    const last = segmentCount(this.#graph);
    return TAIL_COST * relativeCost(this.#graph, this.#tail, last, this.#tail) * this.#tokens.length;
  }

  #name(index: number, direction: string): string {
    return `segment ${index} of ${this.#tail}, ${direction}`;
  }

  /** Counts work in tokens through an average segment's forward pass; resumed work counts only what is left. */
  #reporter(): (cost: number, detail: string) => Promise<void> {
    const { resume, options } = this.#task;
    const { sequences } = this.#tokens;
    const sum = (to: number): number =>
      Array.from({ length: Math.max(0, to) }, (_, index) => this.#cost(index)).reduce((a, b) => a + b, 0);
    const total =
      resume === undefined
        ? sequences * (sum(this.#tail) * (1 + BACKWARD_COST) + this.#tailCost())
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

/** Multiply-adds of segments [from, to) in those of an average one before `tail`. */
function relativeCost(graph: Graph, from: number, to: number, tail: number): number {
  const multiplyAdds = (first: number, last: number): number =>
    usesOf(segment(graph, first, last)).reduce((sum, { weight, kind }) => {
      const [rows, columns] = graph.values[weight].shape as number[];
      return kind === 'lookup' ? sum : sum + rows * columns;
    }, 0);
  return multiplyAdds(from, to) / Math.max(1, multiplyAdds(0, tail) / Math.max(1, tail));
}

function meanProbability(halves: readonly (readonly (Float32Array | Float64Array)[])[], tokens: number): Float32Array {
  const total = new Float64Array(halves[0][0].length);
  for (const [probability] of halves) for (let i = 0; i < total.length; i++) total[i] += probability[i];
  return Float32Array.from(total, (sum) => sum / tokens);
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
