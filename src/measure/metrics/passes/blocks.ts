import type { WorkOptions } from '../../../core/progress.ts';
import { allRows } from '../../../graph/rewrite.ts';
import { boundaryInputs, segment, segmentCount, segmentReading, weightsOf } from '../../../graph/segments.ts';
import type { Graph, ValueId } from '../../../graph/types.ts';
import type { Kernels } from '../../../kernels/contract.ts';
import type { Model, ModelTensor } from '../../../model/types.ts';
import { type BoundaryStore, memoryBoundaries } from '../../../run/boundaries.ts';
import type { RunningProgram } from '../../../run/program.ts';
import { SegmentedRun, type SequenceRange } from '../../../run/segments.ts';
import { textSequences } from '../../../run/sequences.ts';
import { estimate } from '../../calibrate.ts';
import type { TokenBatch } from '../../plan.ts';
import type { BlockEffect } from '../types.ts';

/**
 * The model on one text with everything kept that runs of changed models have in common: weights, the values between
 * segments and the original's outputs. A change of one matrix then costs the segments from its own on.
 */
export class ChangedRuns {
  readonly #kernels: Kernels;
  readonly #run: SegmentedRun;
  readonly #graph: Graph;
  /** The last of them gives the output. */
  readonly #parts: readonly Graph[];
  readonly #original: BoundaryStore;
  readonly #all: SequenceRange;
  readonly #tokens: TokenBatch;
  /** Logits of the original, [tokens, vocabulary], in the backend's memory. */
  #logits: Float32Array = new Float32Array(0);

  private constructor(kernels: Kernels, model: Model, tokens: TokenBatch) {
    this.#kernels = kernels;
    this.#tokens = tokens;
    this.#graph = allRows(model.graph);
    this.#run = new SegmentedRun(kernels.device, model, this.#graph, textSequences(tokens), { states: 'whole' });
    const last = segmentCount(this.#graph);
    const tail = Math.min(last - 1, segmentReading(model.graph, 'wanted'));
    this.#parts = Array.from({ length: tail + 1 }, (_, index) =>
      segment(this.#graph, index, index === tail ? last : index + 1),
    );
    this.#original = memoryBoundaries(this.#run.boundaryShape());
    this.#all = { start: 0, order: Array.from({ length: tokens.sequences }, (_, s) => s) };
  }

  /** Loads the whole model as float32 and runs it once. @param tokens [sequences, length] */
  static async open(kernels: Kernels, model: Model, tokens: TokenBatch, options: WorkOptions = {}) {
    const runs = new ChangedRuns(kernels, model, tokens);
    try {
      for (const tensor of model.tensors.values()) {
        options.signal?.throwIfAborted();
        await runs.#run.memory.load(tensor);
      }
      for (const part of runs.#parts.slice(0, -1)) await runs.#forward(part, runs.#original);
      runs.#logits = await runs.#outputs(runs.#original);
      return runs;
    } catch (error) {
      runs.close();
      throw error;
    }
  }

  /**
   * @param values what stands in the place of the matrix, [rows, columns]
   * @param suffix whether to run what comes behind the segment, for the KL
   */
  async effect(tensor: ModelTensor, values: Float32Array, suffix: boolean): Promise<BlockEffect> {
    const original = await tensor.load();
    this.#run.memory.set(tensor.name, values);
    try {
      return await this.#changed(tensor, suffix);
    } finally {
      this.#run.memory.set(tensor.name, original);
    }
  }

  close(): void {
    this.#run.close();
    if (this.#logits.length > 0) this.#kernels.free(this.#logits);
  }

  async #changed(tensor: ModelTensor, suffix: boolean): Promise<BlockEffect> {
    const first = this.#parts.findIndex((part) => weightsOf(part).includes(tensor.name));
    if (first === this.#parts.length - 1) return await this.#divergence(this.#original);
    const changed = overlay(this.#original);
    await this.#forward(this.#parts[first], changed);
    const reconstruction = this.#reconstruction(this.#parts[first], changed);
    if (!suffix) return { kl: Number.NaN, klError: Number.NaN, reconstruction };
    for (const part of this.#parts.slice(first + 1, -1)) await this.#forward(part, changed);
    return await this.#divergence(changed, reconstruction);
  }

  async #forward(part: Graph, boundaries: BoundaryStore): Promise<void> {
    const program = this.#open(part);
    try {
      this.#feed(program, boundaries);
      for (const value of part.outputs) await this.#run.keep(program, value, this.#all, boundaries);
    } finally {
      program.close();
    }
  }

  /** Logits from what the last segments read, in the backend's memory. */
  async #outputs(boundaries: BoundaryStore): Promise<Float32Array> {
    const part = this.#parts.at(-1)!;
    const program = this.#open(part);
    try {
      this.#feed(program, boundaries);
      const width = part.values[part.outputs[0]].shape[1] as number;
      const logits = this.#kernels.f32(this.#tokens.ids.length * width);
      await program.read(part.outputs[0], logits);
      return logits;
    } finally {
      program.close();
    }
  }

  #open(part: Graph): RunningProgram {
    return this.#run.open(part, [this.#all]);
  }

  #feed(program: RunningProgram, boundaries: BoundaryStore): void {
    const whole = { loaded: [], rows: new Map(), places: <T>(_: string, values: T): T => values };
    this.#run.feed(program, this.#all, boundaries, whole);
    const { sequences, length } = this.#tokens;
    program.run({ tokens: sequences * length, sequences, length, past: 0 });
  }

  /** Error of what a segment makes, relative to what it adds to what it reads. */
  #reconstruction(part: Graph, changed: BoundaryStore): number {
    const [value] = part.outputs;
    const read = (store: BoundaryStore, id: ValueId) => this.#run.boundary(store, id, this.#all);
    const [before] = boundaryInputs(part);
    const original = read(this.#original, value);
    const input = before === undefined ? undefined : read(this.#original, before);
    return relativeError(read(changed, value), original, input?.length === original.length ? input : undefined);
  }

  async #divergence(boundaries: BoundaryStore, reconstruction?: number): Promise<BlockEffect> {
    const kernels = this.#kernels;
    const logits = await this.#outputs(boundaries);
    const count = this.#tokens.ids.length;
    try {
      return kernels.scope(() => {
        const result = {
          kl: kernels.f32(count),
          nllP: kernels.f32(count),
          nllQ: kernels.f32(count),
          agree: kernels.f32(count),
        };
        kernels.compareLogits(this.#logits, logits, kernels.i32(count), logits.length / count, result);
        const { mean, standardError } = estimate(Float64Array.from(result.kl));
        return {
          kl: mean,
          klError: standardError,
          reconstruction: reconstruction ?? relativeError(logits, this.#logits),
        };
      });
    } finally {
      kernels.free(logits);
    }
  }
}

/** A store that keeps what is written apart, and reads what lies below where nothing was. */
function overlay(below: BoundaryStore): BoundaryStore {
  const written = new Map<ValueId, Float32Array>();
  return {
    // All sequences run together: a value is written once and whole.
    write: (value, _, numbers) => void written.set(value, numbers),
    read: (value, at, into) => {
      const own = written.get(value);
      if (own === undefined) below.read(value, at, into);
      else into.set(own.subarray(at, at + into.length));
    },
    drop: (value) => void written.delete(value),
    close: () => written.clear(),
  };
}

/** Σ (state − original)² over Σ (original − before)². */
function relativeError(state: Float32Array, original: Float32Array, before?: Float32Array): number {
  let [error, signal] = [0, 0];
  for (let i = 0; i < state.length; i++) {
    error += (state[i] - original[i]) ** 2;
    signal += (original[i] - (before?.[i] ?? 0)) ** 2;
  }
  return signal > 0 ? error / signal : 0;
}
