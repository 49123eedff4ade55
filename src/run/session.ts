import { UsageError } from '../core/errors.ts';
import { checkpoint } from '../core/progress.ts';
import type { Kernels, PackedMatrix } from '../kernels/contract.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { windowLimit } from '../model/window.ts';
import {
  allocateActivations,
  type BlockActivations,
  type BlockWeights,
  blockForward,
  blockTensorNames,
  completeBlock,
  freeActivations,
  freeBlock,
  type InputBits,
  inputBits,
  linear,
  ropeTable,
  type Weight,
} from './block.ts';
import { KvCache } from './cache.ts';
import { headTensor } from './forward.ts';
import { loadTensor } from './weights.ts';

/** Tokens of a prompt that run together: enough to reuse every weight, small enough for the scratch memory. */
export const promptChunk = 128;

/** A model in memory with a KV cache: the executor of decoding. */
export interface Session {
  /** Tokens that the cache can hold. */
  readonly contextLength: number;
  /** Tokens in the cache. */
  readonly position: number;
  /** Appends tokens. Returns the logits [vocabulary] after the last one; they are valid until the next call. */
  prefill(tokens: ArrayLike<number>, options?: { signal?: AbortSignal }): Promise<Float32Array>;
  /** Appends one token. Returns the next logits [vocabulary]; they are valid until the next call. */
  decode(token: number): Float32Array;
  /** Appends tokens. Returns a copy of the logits after each, [tokens, vocabulary]. */
  allLogits(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** Forgets everything from `position` on. */
  rewind(position: number): void;
  close(): void;
}

/**
 * Loads a whole model for decoding. Matrices stay in their packed format where the backend computes from it
 * (activations are then rounded to int8, as in llama.cpp), and become float32 elsewhere. Keys and values are kept as
 * `model.cache` says, inputs of matrices rounded as `model.activations` says.
 * @param options.contextLength default the model's own, at most 4096; a sliding window shortens either
 * @param options.exact all matrices as float32: no rounding of activations
 * @param options.past tokens that count as read, with keys and values of zero: for measuring speed at a context
 */
export async function createSession(
  kernels: Kernels,
  model: Model,
  options: { contextLength?: number; exact?: boolean; past?: number } = {},
): Promise<Session> {
  const asked = options.contextLength ?? Math.min(model.config.contextLength, 4096);
  const contextLength = Math.min(asked, model.config.window?.tokens ?? asked);
  const loaded = await loadModel(kernels, model, options.exact ?? false);
  return new CachedSession(kernels, model, loaded, contextLength, options.past ?? 0);
}

interface LoadedModel {
  readonly embedding: PackedMatrix;
  readonly blocks: readonly BlockWeights[];
  readonly outputNorm: Float32Array;
  readonly head: Weight;
  /** Arrays outside the blocks, once each: what `close` gives back. */
  readonly outer: readonly (Float32Array | Uint8Array)[];
}

async function loadModel(kernels: Kernels, model: Model, exact: boolean): Promise<LoadedModel> {
  const weight = (tensor: ModelTensor): Promise<Weight> => loadWeight(kernels, tensor, exact);
  const blocks: BlockWeights[] = [];
  for (let layer = 0; layer < model.config.layers; layer++) {
    const weights: Partial<Record<keyof BlockWeights, Weight>> = {};
    for (const key of Object.keys(blockTensorNames) as (keyof BlockWeights)[]) {
      const tensor = model.tensors.get(`blk.${layer}.${blockTensorNames[key]}`);
      if (tensor) weights[key] = tensor.shape.length > 1 ? await weight(tensor) : await loadTensor(kernels, tensor);
    }
    blocks.push(completeBlock(weights as Partial<BlockWeights>, layer));
  }
  const table = model.tensors.get('token_embd.weight') as ModelTensor;
  const norm = model.tensors.get('output_norm.weight') as ModelTensor;
  const embedding = await weight(table);
  const outputNorm = await loadTensor(kernels, norm);
  const head = model.config.tied ? embedding : await weight(headTensor(model));
  const arrays = new Set([embedding, head].map((matrix) => (matrix instanceof Float32Array ? matrix : matrix.blocks)));
  return {
    embedding: embedding instanceof Float32Array ? asPacked(embedding, table) : embedding,
    blocks,
    outputNorm,
    head,
    outer: [...arrays, outputNorm],
  };
}

async function loadWeight(kernels: Kernels, tensor: ModelTensor, exact: boolean): Promise<Weight> {
  const [rows, columns] = tensor.shape;
  if (exact || !tensor.loadBlocks || !kernels.supportsPacked(tensor.format)) return await loadTensor(kernels, tensor);
  const source = await tensor.loadBlocks();
  const blocks = kernels.u8(source.length);
  blocks.set(source);
  return { format: tensor.format, blocks, rows, columns };
}

function asPacked(values: Float32Array, tensor: ModelTensor): PackedMatrix {
  const blocks = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { format: 'F32', blocks, rows: tensor.shape[0], columns: tensor.shape[1] };
}

/** Arrays for a number of tokens that run together. */
interface Workspace {
  readonly tokens: number;
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly x: Float32Array;
  readonly activations: BlockActivations;
}

class CachedSession implements Session {
  readonly contextLength: number;
  #position: number;
  readonly #kernels: Kernels;
  readonly #model: Model;
  readonly #loaded: LoadedModel;
  readonly #cache: KvCache;
  readonly #inputBits: readonly (InputBits | undefined)[];
  readonly #ropeTable: Float32Array;
  readonly #logits: Float32Array;
  readonly #single: Workspace;

  constructor(kernels: Kernels, model: Model, loaded: LoadedModel, contextLength: number, past: number) {
    const { config } = model;
    this.#position = past;
    this.contextLength = contextLength;
    this.#kernels = kernels;
    this.#model = model;
    this.#loaded = loaded;
    this.#inputBits = loaded.blocks.map((_, layer) => inputBits(model, layer));
    this.#cache = new KvCache(kernels, config, contextLength, model.cache);
    this.#ropeTable = kernels.upload(ropeTable(config, contextLength));
    this.#logits = kernels.f32(config.vocabulary);
    this.#single = this.#workspace(1);
  }

  get position(): number {
    return this.#position;
  }

  async prefill(tokens: ArrayLike<number>, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    if (tokens.length === 0) throw new UsageError('prompt: no tokens, expected at least one');
    for (let start = 0; start < tokens.length; start += promptChunk) {
      if (start > 0) await checkpoint(options.signal);
      this.#kernels.scope(() => {
        const count = Math.min(promptChunk, tokens.length - start);
        const workspace = this.#workspace(count);
        this.#forward(tokens, start, workspace);
        if (start + count === tokens.length) this.#headOf(workspace.x, count - 1, this.#logits);
      });
    }
    return this.#logits;
  }

  decode(token: number): Float32Array {
    this.#forward([token], 0, this.#single);
    this.#headOf(this.#single.x, 0, this.#logits);
    return this.#logits;
  }

  async allLogits(tokens: ArrayLike<number>): Promise<Float32Array> {
    const { vocabulary } = this.#model.config;
    const all = new Float32Array(tokens.length * vocabulary);
    for (let start = 0; start < tokens.length; start += promptChunk) {
      this.#kernels.scope(() => {
        const count = Math.min(promptChunk, tokens.length - start);
        const workspace = this.#workspace(count);
        this.#forward(tokens, start, workspace);
        for (let i = 0; i < count; i++) {
          this.#headOf(workspace.x, i, this.#logits);
          all.set(this.#logits, (start + i) * vocabulary);
        }
      });
    }
    return all;
  }

  rewind(position: number): void {
    if (!(position >= 0 && position <= this.#position)) {
      throw new RangeError(`cannot go back to ${position}: the cache holds ${this.#position} tokens`);
    }
    this.#position = position;
  }

  close(): void {
    const kernels = this.#kernels;
    for (const block of this.#loaded.blocks) freeBlock(kernels, block);
    this.#cache.close();
    kernels.free(...this.#loaded.outer, this.#ropeTable, this.#logits);
    const { ids, positions, x, activations } = this.#single;
    kernels.free(ids, positions, x);
    freeActivations(kernels, activations);
  }

  #workspace(tokens: number): Workspace {
    const kernels = this.#kernels;
    const { config } = this.#model;
    return {
      tokens,
      ids: kernels.i32(tokens),
      positions: kernels.i32(tokens),
      x: kernels.f32(tokens * config.hidden),
      activations: allocateActivations(kernels, config, tokens),
    };
  }

  /** Runs workspace.tokens tokens from `start` through all blocks; the residual stream is left in workspace.x. */
  #forward(tokens: ArrayLike<number>, start: number, workspace: Workspace): void {
    const { config } = this.#model;
    const past = this.#position;
    const length = workspace.tokens;
    if (past + length > this.contextLength) {
      const limit =
        past + length > (config.window?.tokens ?? Number.POSITIVE_INFINITY) ? windowLimit(config) : undefined;
      throw new UsageError(
        `context: ${past + length} tokens do not fit the context of ${this.contextLength}; ${limit ?? 'raise the context length'}`,
      );
    }
    for (let i = 0; i < length; i++) {
      const token = tokens[start + i];
      if (!(token >= 0 && token < config.vocabulary))
        throw new RangeError(`token ${token} is not in the vocabulary of ${config.vocabulary}`);
      workspace.ids[i] = token;
      workspace.positions[i] = past + i;
    }
    this.#kernels.gatherRows(this.#loaded.embedding, workspace.ids, workspace.x);
    this.#loaded.blocks.forEach((weights, layer) => {
      const cache = { ...this.#cache.layers[layer], past };
      const inputs = {
        positions: workspace.positions,
        ropeTable: this.#ropeTable,
        cache,
        inputBits: this.#inputBits[layer],
      };
      const batch = { sequences: 1, length, ...inputs };
      blockForward(this.#kernels, config, weights, workspace.x, batch, workspace.activations);
    });
    this.#position = past + length;
  }

  /** logits = head · norm(x_row). */
  #headOf(x: Float32Array, row: number, logits: Float32Array): void {
    const { hidden, vocabulary, normEpsilon } = this.#model.config;
    const normed = this.#single.activations.attnIn;
    this.#kernels.rmsNorm(
      x.subarray(row * hidden, (row + 1) * hidden),
      this.#loaded.outputNorm,
      normed,
      hidden,
      normEpsilon,
    );
    const bits = this.#model.activations?.get(headTensor(this.#model).name);
    linear(this.#kernels, normed, this.#loaded.head, logits, 1, vocabulary, hidden, bits);
  }
}
