import { UsageError } from '../core/errors.ts';
import { checkpoint, type WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { Model, ModelConfig, ModelTensor } from '../model/types.ts';
import { windowLimit } from '../model/window.ts';
import { roundActivations } from './activations.ts';
import {
  allocateActivations,
  type Batch,
  blockForward,
  freeActivations,
  freeBlock,
  inputBits,
  loadBlock,
  ropeTable,
} from './block.ts';
import { loadRows, loadTensor } from './weights.ts';

/** Values of a tensor that are loaded at once where a tensor is streamed. */
const chunkValues = 2 ** 23;

/** Bytes of one batch's activations, unless a single sequence needs more. */
const activationBytes = 2 ** 27;

/** Sequences of equal length: tokens [count, length]. */
export interface Sequences {
  readonly tokens: Int32Array;
  readonly length: number;
}

/**
 * Final hidden states of many sequences, block by block: only one block's weights are in memory, with the residual
 * stream of all tokens. Weights are float32, so the result has no rounding but theirs, and that of keys and values where
 * `model.cache` asks for it: every token then attends to rounded ones, its own included.
 * Inputs of matrices are rounded as `model.activations` says, those of the head too.
 * @returns [count·length, hidden] after the final norm, in JS memory
 */
export async function hiddenStates(
  kernels: Kernels,
  model: Model,
  sequences: Sequences,
  options: WorkOptions = {},
): Promise<Float32Array> {
  const { config } = model;
  if (sequences.length > (config.window?.tokens ?? sequences.length)) {
    const { tokens } = config.window!;
    throw new UsageError(
      `context: ${sequences.length} tokens are too many; ${windowLimit(config)}: ask for a context of ${tokens}`,
    );
  }
  const states = await embed(model, sequences.tokens);
  const runner = createRunner(kernels, config, sequences);
  try {
    for (let layer = 0; layer < config.layers; layer++) {
      const weights = await loadBlock(kernels, model, layer);
      const rounded = model.cache && { k: model.cache.k[layer], v: model.cache.v[layer] };
      const rounding = { rounded, inputBits: inputBits(model, layer) };
      try {
        await runner.each(
          states,
          (x, batch) => blockForward(kernels, config, weights, x, { ...batch, ...rounding }, runner.scratch(batch)),
          options.signal,
        );
      } finally {
        freeBlock(kernels, weights);
      }
      options.onProgress?.({ stage: 'running', done: layer + 1, total: config.layers, unit: 'blocks' });
    }
    await finalNorm(kernels, model, states, runner, options.signal);
    roundActivations(states, model.activations?.get(headTensor(model).name) ?? 16, states);
    return states;
  } finally {
    runner.close();
  }
}

async function finalNorm(
  kernels: Kernels,
  model: Model,
  states: Float32Array,
  runner: Runner,
  signal?: AbortSignal,
): Promise<void> {
  const { hidden, normEpsilon } = model.config;
  const gain = await loadTensor(kernels, requiredTensor(model, 'output_norm.weight'));
  await runner.each(states, (x) => kernels.rmsNorm(x, gain, x, hidden, normEpsilon), signal);
  kernels.free(gain);
}

/** Rows of the token embedding, float32 [tokens.length, hidden] in JS memory; the table is read by chunks. */
export async function embed(model: Model, tokens: Int32Array): Promise<Float32Array> {
  const { hidden, vocabulary } = model.config;
  const tensor = requiredTensor(model, 'token_embd.weight');
  const order = Array.from(tokens.keys()).sort((a, b) => tokens[a] - tokens[b]);
  const states = new Float32Array(tokens.length * hidden);
  const rowsPerChunk = Math.max(1, Math.floor(chunkValues / hidden));
  for (let i = 0; i < order.length; ) {
    const first = tokens[order[i]];
    if (!(first >= 0 && first < vocabulary))
      throw new RangeError(`token ${first} is not in the vocabulary of ${vocabulary}`);
    const end = Math.min(vocabulary, first + rowsPerChunk);
    let last = i;
    while (last + 1 < order.length && tokens[order[last + 1]] < end) last++;
    const rows = await tensor.load(first, tokens[order[last]] + 1);
    for (; i <= last; i++) {
      const row = tokens[order[i]] - first;
      states.set(rows.subarray(row * hidden, (row + 1) * hidden), order[i] * hidden);
    }
  }
  return states;
}

/** Runs work over batches of whole sequences, between JS memory and the backend's. */
interface Runner {
  /** Calls `work` with each batch of rows, which is read back afterwards. */
  each(states: Float32Array, work: (x: Float32Array, batch: Batch) => void, signal?: AbortSignal): Promise<void>;
  scratch(batch: Batch): ReturnType<typeof allocateActivations> | undefined;
  close(): void;
}

function createRunner(kernels: Kernels, config: ModelConfig, sequences: Sequences): Runner {
  const { length } = sequences;
  const count = sequences.tokens.length / length;
  const perBatch = Math.min(
    count,
    Math.max(1, Math.floor(activationBytes / (length * activationBytesPerToken(config)))),
  );
  const positions = kernels.i32(perBatch * length);
  for (let i = 0; i < positions.length; i++) positions[i] = i % length;
  const table = kernels.upload(ropeTable(config, length));
  const x = kernels.f32(perBatch * length * config.hidden);
  const scratch = allocateActivations(kernels, config, perBatch * length);
  return {
    async each(states, work, signal) {
      for (let first = 0; first < count; first += perBatch) {
        await checkpoint(signal);
        const size = Math.min(perBatch, count - first);
        const rows = states.subarray(first * length * config.hidden, (first + size) * length * config.hidden);
        const part = x.subarray(0, rows.length);
        part.set(rows);
        work(part, { sequences: size, length, positions: positions.subarray(0, size * length), ropeTable: table });
        rows.set(part);
      }
    },
    // Kernels take their row counts from array lengths, so a short last batch allocates its own arrays.
    scratch: (batch) => (batch.sequences === perBatch ? scratch : undefined),
    close() {
      freeActivations(kernels, scratch);
      kernels.free(positions, table, x);
    },
  };
}

/** Bytes of `BlockActivations` and the residual stream for one token. */
export function activationBytesPerToken(config: ModelConfig): number {
  const { hidden, feedForward, heads, kvHeads, headDim } = config;
  return 4 * (4 * hidden + 3 * feedForward + 3 * heads * headDim + 3 * kvHeads * headDim);
}

/** The output head, kept in the backend's memory when it fits, streamed by rows of the vocabulary otherwise. */
export interface Head {
  /** logits[m, vocabulary] of states[m, hidden], both in the backend's memory. */
  logits(states: Float32Array, logits: Float32Array, m: number): Promise<void>;
  close(): void;
}

/** @param residentBytes most bytes of float32 weights to keep, default 1 GiB */
export async function openHead(kernels: Kernels, model: Model, residentBytes = 2 ** 30): Promise<Head> {
  const { hidden, vocabulary } = model.config;
  const tensor = headTensor(model);
  if (4 * hidden * vocabulary > residentBytes)
    return streamedHead(kernels, tensor, Math.floor(residentBytes / (4 * hidden)));
  const weights = await loadTensor(kernels, tensor);
  return {
    logits: async (states, logits, m) => kernels.matmulNT(states, weights, logits, m, vocabulary, hidden),
    close: () => kernels.free(weights),
  };
}

function streamedHead(kernels: Kernels, tensor: ModelTensor, residentRows: number): Head {
  const [vocabulary, hidden] = tensor.shape;
  const step = Math.max(1, Math.min(residentRows, Math.floor(chunkValues / hidden)));
  const weights = kernels.f32(step * hidden);
  return {
    async logits(states, logits, m) {
      for (let first = 0; first < vocabulary; first += step) {
        const count = Math.min(step, vocabulary - first);
        const rows = weights.subarray(0, count * hidden);
        await loadRows(kernels, tensor, first, first + count, rows);
        kernels.scope(() => {
          const part = kernels.f32(m * count);
          kernels.matmulNT(states, rows, part, m, count, hidden);
          for (let i = 0; i < m; i++) logits.set(part.subarray(i * count, (i + 1) * count), i * vocabulary + first);
        });
      }
    },
    close: () => kernels.free(weights),
  };
}

/** `output.weight`, or the embedding that a tied model shares. */
export function headTensor(model: Model): ModelTensor {
  return requiredTensor(model, model.config.tied ? 'token_embd.weight' : 'output.weight');
}

function requiredTensor(model: Model, name: string): ModelTensor {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new RangeError(`${name} is not in the model`);
  return tensor;
}
