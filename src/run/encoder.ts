import { UsageError } from '../core/errors.ts';
import { checkpoint } from '../core/progress.ts';
import { inputsOf } from '../graph/segments.ts';
import type { Target } from '../graph/types.ts';
import type { Device } from '../kernels/device.ts';
import type { Model } from '../model/types.ts';
import { SharedMemory } from './memory.ts';
import { loadWeights, RunningProgram } from './program.ts';
import { sizesOf, textSequences } from './sequences.ts';
import { encodingTarget } from './target.ts';

/** Tokens that run together: enough to reuse every weight. */
const TOGETHER = 2048;

/** A model in memory that turns texts into vectors. */
export interface Encoder {
  /** Numbers of a vector. */
  readonly width: number;
  /** Tokens that a text has at most. */
  readonly contextLength: number;
  /**
   * Vectors of unit length, [texts, width], of texts of any lengths as ids, with what the model wants around them. No text sees
   * another one or padding: texts of one length run together.
   * @throws UsageError for a text without tokens or with more than `contextLength`
   */
  encode(texts: readonly ArrayLike<number>[], options?: { signal?: AbortSignal }): Promise<Float32Array>;
  close(): void;
}

export interface EncoderOptions {
  /** All matrices as float32: no rounding of activations. */
  readonly exact?: boolean;
}

/**
 * Loads a whole model for encoding. Matrices stay in their packed format where the device computes from it, unless `exact`.
 * @throws UsageError for a model that gives next tokens
 */
export async function createEncoder(device: Device, model: Model, options: EncoderOptions = {}): Promise<Encoder> {
  if (model.config.embedding === undefined)
    throw new UsageError(`${model.config.architecture}: gives next tokens and no vectors of texts; give an encoder`);
  const target = encodingTarget(model, device, options.exact ?? false);
  const memory = new SharedMemory(device);
  try {
    await loadWeights(memory, model, model.graph, target);
    return new ResidentEncoder(memory, model, target);
  } catch (error) {
    memory.close();
    throw error;
  }
}

class ResidentEncoder implements Encoder {
  readonly width: number;
  readonly contextLength: number;
  readonly #memory: SharedMemory;
  readonly #model: Model;
  readonly #target: Target;

  constructor(memory: SharedMemory, model: Model, target: Target) {
    const { graph, config } = model;
    this.width = graph.values[graph.outputs[0]].shape[1] as number;
    this.contextLength = config.contextLength;
    this.#memory = memory;
    this.#model = model;
    this.#target = target;
  }

  async encode(texts: readonly ArrayLike<number>[], { signal }: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    for (const [i, { length }] of texts.entries()) this.#refuseLength(i, length);
    const vectors = new Float32Array(texts.length * this.width);
    const numbers = Array.from(texts.keys());
    for (const [length, alike] of Map.groupBy(numbers, (i) => texts[i].length)) {
      const step = Math.max(1, Math.floor(TOGETHER / length));
      for (let start = 0; start < alike.length; start += step) {
        await checkpoint(signal);
        const batch = alike.slice(start, start + step);
        const found = await this.#run(batch.map((i) => texts[i]));
        for (const [at, i] of batch.entries())
          vectors.set(found.subarray(at * this.width, (at + 1) * this.width), i * this.width);
      }
    }
    return vectors;
  }

  close(): void {
    this.#memory.close();
  }

  #refuseLength(text: number, length: number): void {
    if (length === 0) throw new UsageError(`text ${text + 1}: has no tokens, expected at least one`);
    if (length > this.contextLength)
      throw new UsageError(`text ${text + 1}: has ${length} tokens, the model reads ${this.contextLength} at most`);
  }

  /** @param texts of one length */
  async #run(texts: readonly ArrayLike<number>[]): Promise<Float32Array> {
    const { graph } = this.#model;
    const [count, { length }] = [texts.length, texts[0]];
    const ids = Int32Array.from(texts.flatMap((text) => Array.from(text)));
    const sequences = textSequences({ sequences: count, length, ids });
    const order = Array.from(texts.keys());
    const capacities = { ...sizesOf({ length }, count), context: this.contextLength };
    const program = new RunningProgram(this.#memory, graph, { target: this.#target, capacities });
    try {
      for (const id of inputsOf(graph)) {
        const { name } = graph.values[id] as { name: string };
        program.write(id, sequences.input(name, order));
      }
      program.run(capacities);
      const vectors = new Float32Array(count * this.width);
      await program.read(graph.outputs[0], vectors);
      return vectors;
    } finally {
      program.close();
    }
  }
}
