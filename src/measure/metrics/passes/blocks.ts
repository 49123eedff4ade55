import { checkpoint, type WorkOptions } from '../../../core/progress.ts';
import type { Kernels } from '../../../kernels/contract.ts';
import type { Model, ModelTensor } from '../../../model/types.ts';
import {
  type Batch,
  type BlockWeights,
  blockForward,
  blockTensorNames,
  freeBlock,
  loadBlock,
  ropeTable,
} from '../../../run/block.ts';
import { embed, headTensor } from '../../../run/forward.ts';
import { estimate } from '../../calibrate.ts';
import type { TokenBatch } from '../../plan.ts';
import type { BlockEffect } from '../types.ts';

/**
 * The model on one text with everything kept that runs of changed models have in common: the residual stream at every
 * block boundary and the original's log-probabilities. A change of one matrix then costs the blocks from its own on.
 */
export class ChangedRuns {
  readonly #kernels: Kernels;
  readonly #model: Model;
  readonly #tokens: TokenBatch;
  readonly #batch: Batch;
  readonly #blocks: readonly BlockWeights[];
  readonly #gain: Float32Array;
  readonly #head: Float32Array;
  /** Boundary l is the input of block l. [tokens, hidden] each, in JS memory. */
  readonly #boundaries: Float32Array[] = [];
  /** Logits of the original, [tokens, vocabulary]. */
  readonly #logits: Float32Array;

  private constructor(kernels: Kernels, model: Model, tokens: TokenBatch, loaded: Loaded) {
    const { config } = model;
    const count = tokens.ids.length;
    this.#kernels = kernels;
    this.#model = model;
    this.#tokens = tokens;
    this.#blocks = loaded.blocks;
    this.#gain = kernels.upload(loaded.gain);
    this.#head = kernels.upload(loaded.head);
    const positions = kernels.i32(count);
    for (let t = 0; t < count; t++) positions[t] = t % tokens.length;
    const table = kernels.upload(ropeTable(config, tokens.length));
    this.#batch = { sequences: tokens.sequences, length: tokens.length, positions, ropeTable: table };
    this.#boundaries.push(loaded.embedded);
    for (const block of loaded.blocks) this.#boundaries.push(this.#block(block, this.#boundaries.at(-1)!));
    this.#logits = kernels.f32(count * config.vocabulary);
    this.#logitsOf(this.#boundaries.at(-1)!, this.#head, this.#logits);
  }

  /** Loads the whole model as float32 and runs it once. @param tokens [sequences, length] */
  static async open(kernels: Kernels, model: Model, tokens: TokenBatch, options: WorkOptions = {}) {
    const blocks: BlockWeights[] = [];
    try {
      for (let layer = 0; layer < model.config.layers; layer++) {
        await checkpoint(options.signal);
        blocks.push(await loadBlock(kernels, model, layer));
      }
      const embedded = await embed(model, tokens.ids);
      const gain = await model.tensors.get('output_norm.weight')!.load();
      return new ChangedRuns(kernels, model, tokens, { blocks, embedded, gain, head: await headTensor(model).load() });
    } catch (error) {
      for (const block of blocks) freeBlock(kernels, block);
      throw error;
    }
  }

  /**
   * @param values what stands in the place of the matrix, [rows, columns]
   * @param suffix whether to run what comes behind the block, for the KL
   */
  effect(tensor: ModelTensor, values: Float32Array, suffix: boolean): BlockEffect {
    const { layers } = this.#model.config;
    const isHead = tensor === headTensor(this.#model);
    const isEmbedding = tensor.role === 'token_embd';
    if (tensor.layer < 0 && !isEmbedding) return this.#divergence(this.#boundaries[layers], values);
    const first = isEmbedding ? 0 : tensor.layer + 1;
    let state = isEmbedding ? this.#embedded(values) : this.#changedBlock(tensor, values);
    const before = isEmbedding ? undefined : this.#boundaries[first - 1];
    const reconstruction = relativeError(state, this.#boundaries[first], before);
    if (!suffix) return { kl: Number.NaN, klError: Number.NaN, reconstruction };
    for (let layer = first; layer < layers; layer++) state = this.#block(this.#blocks[layer], state);
    return this.#divergence(state, isHead ? values : undefined, reconstruction);
  }

  close(): void {
    const kernels = this.#kernels;
    for (const block of this.#blocks) freeBlock(kernels, block);
    kernels.free(this.#gain, this.#head, this.#logits, this.#batch.positions, this.#batch.ropeTable);
  }

  #embedded(values: Float32Array): Float32Array {
    const { hidden } = this.#model.config;
    const state = new Float32Array(this.#tokens.ids.length * hidden);
    for (const [t, id] of this.#tokens.ids.entries())
      state.set(values.subarray(id * hidden, (id + 1) * hidden), t * hidden);
    return state;
  }

  #changedBlock(tensor: ModelTensor, values: Float32Array): Float32Array {
    const name = tensor.name.replace(/^blk\.\d+\./, '');
    const key = (Object.keys(blockTensorNames) as (keyof BlockWeights)[]).find((k) => blockTensorNames[k] === name)!;
    return this.#kernels.scope(() => {
      const block = { ...this.#blocks[tensor.layer], [key]: this.#kernels.upload(values) };
      return this.#block(block, this.#boundaries[tensor.layer]);
    });
  }

  #block(block: BlockWeights, input: Float32Array): Float32Array {
    return this.#kernels.scope(() => {
      const x = this.#kernels.upload(input);
      blockForward(this.#kernels, this.#model.config, block, x, this.#batch);
      return new Float32Array(x);
    });
  }

  #logitsOf(state: Float32Array, head: Float32Array, logits: Float32Array): void {
    const kernels = this.#kernels;
    const { hidden, vocabulary, normEpsilon } = this.#model.config;
    kernels.scope(() => {
      const normed = kernels.f32(state.length);
      kernels.rmsNorm(kernels.upload(state), this.#gain, normed, hidden, normEpsilon);
      kernels.matmulNT(normed, head, logits, this.#tokens.ids.length, vocabulary, hidden);
    });
  }

  #divergence(state: Float32Array, head: Float32Array | undefined, reconstruction?: number): BlockEffect {
    const kernels = this.#kernels;
    const { vocabulary } = this.#model.config;
    const count = this.#tokens.ids.length;
    return kernels.scope(() => {
      const logits = kernels.f32(count * vocabulary);
      this.#logitsOf(state, head ? kernels.upload(head) : this.#head, logits);
      const result = {
        kl: kernels.f32(count),
        nllP: kernels.f32(count),
        nllQ: kernels.f32(count),
        agree: kernels.f32(count),
      };
      kernels.compareLogits(this.#logits, logits, kernels.i32(count), vocabulary, result);
      const { mean, standardError } = estimate(Float64Array.from(result.kl));
      return {
        kl: mean,
        klError: standardError,
        reconstruction: reconstruction ?? relativeError(logits, this.#logits),
      };
    });
  }
}

interface Loaded {
  readonly blocks: readonly BlockWeights[];
  readonly embedded: Float32Array;
  readonly gain: Float32Array;
  readonly head: Float32Array;
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
