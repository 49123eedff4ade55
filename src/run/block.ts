import { FormatError } from '../core/errors.ts';
import { constantValues } from '../graph/constants.ts';
import type { Kernels, PackedMatrix } from '../kernels/contract.ts';
import { ropeFrequencies } from '../model/rope.ts';
import type { Model, ModelConfig } from '../model/types.ts';
import { withRoundedActivations } from './activations.ts';
import { type CacheRows, roundRows } from './cache.ts';
import { loadTensor } from './weights.ts';

export function ropeTable(config: ModelConfig, positions: number): Float32Array {
  const { frequencies, magnitude } = ropeFrequencies(config.rope);
  return constantValues({ kind: 'rope', frequencies: Array.from(frequencies), magnitude }, positions);
}

/** A matrix [rows, columns] in the backend's memory: float32, or blocks of a number format. */
export type Weight = Float32Array | PackedMatrix;

/** Weights of one transformer block, in the backend's memory. */
export interface BlockWeights {
  attnNorm: Float32Array; // [hidden]
  q: Weight; // [heads·headDim, hidden]
  k: Weight; // [kvHeads·headDim, hidden]
  v: Weight; // [kvHeads·headDim, hidden]
  o: Weight; // [hidden, heads·headDim]
  qBias?: Float32Array;
  kBias?: Float32Array;
  vBias?: Float32Array;
  oBias?: Float32Array;
  qNorm?: Float32Array; // [headDim]
  kNorm?: Float32Array; // [headDim]
  ffnNorm: Float32Array; // [hidden]
  gate: Weight; // [feedForward, hidden]
  up: Weight; // [feedForward, hidden]
  down: Weight; // [hidden, feedForward]
  gateBias?: Float32Array;
  upBias?: Float32Array;
  downBias?: Float32Array;
}

/** What a block computes on its way; everything a backward pass needs besides the block's input. [tokens, …] each. */
export interface BlockActivations {
  attnIn: Float32Array; // normed input: input of q, k, v
  qRaw?: Float32Array; // before QK-norm, after bias; only in models with QK-norm
  kRaw?: Float32Array;
  q: Float32Array; // after bias, QK-norm and RoPE
  k: Float32Array;
  v: Float32Array;
  attnOut: Float32Array; // input of o
  mid: Float32Array; // residual stream after attention
  ffnIn: Float32Array; // normed mid: input of gate and up
  gate: Float32Array;
  up: Float32Array;
  ffnAct: Float32Array; // silu(gate)·up: input of down
}

/** Tokens that a block is run on. Arrays lie in the backend's memory. */
export interface Batch {
  /** Independent sequences of `length` new tokens each. */
  readonly sequences: number;
  readonly length: number;
  /** Position of every token, [sequences·length]. */
  readonly positions: Int32Array;
  /** [positions, rope.dimensions/2, 2], see `ropeTable`. */
  readonly ropeTable: Float32Array;
  /** Keys and values of `past` earlier tokens of the one sequence; without it every sequence starts at its first token. */
  readonly cache?: { readonly k: CacheRows; readonly v: CacheRows; readonly past: number };
  /** Formats that attention sees keys and values through where there is no cache, default float32. */
  readonly rounded?: { readonly k: string; readonly v: string };
  /** Bits that inputs of linear layers are rounded to, default none. */
  readonly inputBits?: InputBits;
}

export type InputBits = Readonly<Partial<Record<keyof BlockWeights, number>>>;

/** What a model says of the inputs of one block; undefined where it says nothing. */
export function inputBits({ activations }: Model, layer: number): InputBits | undefined {
  if (activations === undefined) return undefined;
  const bits = Object.entries(blockTensorNames).map(([key, name]) => [key, activations.get(`blk.${layer}.${name}`)]);
  return Object.fromEntries(bits) as InputBits;
}

/** GGUF name of every matrix and vector of a block, after `blk.N.`. */
export const blockTensorNames = {
  attnNorm: 'attn_norm.weight',
  q: 'attn_q.weight',
  k: 'attn_k.weight',
  v: 'attn_v.weight',
  o: 'attn_output.weight',
  qBias: 'attn_q.bias',
  kBias: 'attn_k.bias',
  vBias: 'attn_v.bias',
  oBias: 'attn_output.bias',
  qNorm: 'attn_q_norm.weight',
  kNorm: 'attn_k_norm.weight',
  ffnNorm: 'ffn_norm.weight',
  gate: 'ffn_gate.weight',
  up: 'ffn_up.weight',
  down: 'ffn_down.weight',
  gateBias: 'ffn_gate.bias',
  upBias: 'ffn_up.bias',
  downBias: 'ffn_down.bias',
} as const satisfies Record<keyof BlockWeights, string>;

/** Loads one block as float32 into the backend's memory; `freeBlock` gives it back. */
export async function loadBlock(kernels: Kernels, model: Model, layer: number): Promise<BlockWeights> {
  const weights: Partial<Record<keyof BlockWeights, Float32Array>> = {};
  try {
    for (const key of Object.keys(blockTensorNames) as (keyof BlockWeights)[]) {
      const tensor = model.tensors.get(`blk.${layer}.${blockTensorNames[key]}`);
      if (tensor) weights[key] = await loadTensor(kernels, tensor);
    }
    return completeBlock(weights, layer);
  } catch (error) {
    freeBlock(kernels, weights);
    throw error;
  }
}

/** Checks that nothing required is missing. */
export function completeBlock(weights: Partial<BlockWeights>, layer: number): BlockWeights {
  for (const [key, name] of Object.entries(blockTensorNames)) {
    const optional = /Bias$|^[qk]Norm$/.test(key);
    if (!optional && !weights[key as keyof BlockWeights])
      throw new FormatError(`blk.${layer}.${name} is missing in the model`);
  }
  return weights as BlockWeights;
}

export function freeBlock(kernels: Kernels, weights: Partial<BlockWeights>): void {
  for (const weight of Object.values(weights) as Weight[]) {
    if (weight) kernels.free(weight instanceof Float32Array ? weight : weight.blocks);
  }
}

/** y[m,n] = x[m,k] · wᵀ for either kind of weight. @param bits that x is rounded to before, default none */
export function linear(
  kernels: Kernels,
  x: Float32Array,
  w: Weight,
  y: Float32Array,
  m: number,
  n: number,
  k: number,
  bits?: number,
): void {
  withRoundedActivations(kernels, x.subarray(0, m * k), bits, (input) => {
    if (w instanceof Float32Array) kernels.matmulNT(input, w, y, m, n, k);
    else kernels.matmulPacked(input, w, y, m);
  });
}

/** Arrays for `tokens` tokens of one block, in the backend's memory. */
export function allocateActivations(
  kernels: Pick<Kernels, 'f32'>,
  config: ModelConfig,
  tokens: number,
  qkNorm = hasQkNorm(config),
): BlockActivations {
  const qWidth = config.heads * config.headDim;
  const kvWidth = config.kvHeads * config.headDim;
  const array = (width: number): Float32Array => kernels.f32(tokens * width);
  return {
    attnIn: array(config.hidden),
    ...(qkNorm ? { qRaw: array(qWidth), kRaw: array(kvWidth) } : {}),
    q: array(qWidth),
    k: array(kvWidth),
    v: array(kvWidth),
    attnOut: array(qWidth),
    mid: array(config.hidden),
    ffnIn: array(config.hidden),
    gate: array(config.feedForward),
    up: array(config.feedForward),
    ffnAct: array(config.feedForward),
  };
}

export function freeActivations(kernels: Kernels, activations: BlockActivations): void {
  kernels.free(...(Object.values(activations) as Float32Array[]));
}

function hasQkNorm(config: ModelConfig): boolean {
  return config.architecture === 'qwen3';
}

/**
 * One pre-norm transformer block: x += o(attention(norm(x))), then x += down(swiglu(norm(x))).
 * @param x [sequences·length, hidden], updated in place
 * @param keep filled with the intermediate values when given (`allocateActivations`); scratch memory otherwise
 */
export function blockForward(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  x: Float32Array,
  batch: Batch,
  keep?: BlockActivations,
): void {
  if (keep) {
    attentionHalf(kernels, config, weights, x, batch, keep);
    feedForwardHalf(kernels, config, weights, x, batch, keep);
    return;
  }
  kernels.scope(() => {
    const scratch = allocateActivations(kernels, config, batch.sequences * batch.length, weights.qNorm !== undefined);
    blockForward(kernels, config, weights, x, batch, scratch);
  });
}

function attentionHalf(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  x: Float32Array,
  batch: Batch,
  a: BlockActivations,
): void {
  const { hidden, heads, kvHeads, headDim, normEpsilon } = config;
  const tokens = batch.sequences * batch.length;
  const qWidth = heads * headDim;
  const kvWidth = kvHeads * headDim;
  kernels.rmsNorm(x, weights.attnNorm, a.attnIn, hidden, normEpsilon);
  const q = weights.qNorm && a.qRaw ? a.qRaw : a.q;
  const k = weights.kNorm && a.kRaw ? a.kRaw : a.k;
  linear(kernels, a.attnIn, weights.q, q, tokens, qWidth, hidden, batch.inputBits?.q);
  linear(kernels, a.attnIn, weights.k, k, tokens, kvWidth, hidden, batch.inputBits?.k);
  linear(kernels, a.attnIn, weights.v, a.v, tokens, kvWidth, hidden, batch.inputBits?.v);
  if (weights.qBias) kernels.addBias(q, weights.qBias);
  if (weights.kBias) kernels.addBias(k, weights.kBias);
  if (weights.vBias) kernels.addBias(a.v, weights.vBias);
  if (weights.qNorm) kernels.rmsNorm(q, weights.qNorm, a.q, headDim, normEpsilon);
  if (weights.kNorm) kernels.rmsNorm(k, weights.kNorm, a.k, headDim, normEpsilon);
  const { dimensions, style } = config.rope;
  kernels.rope(a.q, batch.positions, batch.ropeTable, { heads, headDim, dimensions, style });
  kernels.rope(a.k, batch.positions, batch.ropeTable, { heads: kvHeads, headDim, dimensions, style });
  attend(kernels, config, batch, a);
  // mid serves as the output of o first, then becomes the residual stream.
  linear(kernels, a.attnOut, weights.o, a.mid, tokens, hidden, qWidth, batch.inputBits?.o);
  if (weights.oBias) kernels.addBias(a.mid, weights.oBias);
  kernels.add(a.mid, x);
}

function attend(kernels: Kernels, config: ModelConfig, batch: Batch, a: BlockActivations): void {
  const { sequences, length, cache, rounded } = batch;
  const { heads, kvHeads, headDim } = config;
  if (!cache) {
    if (rounded) {
      roundRows(kernels, rounded.k, a.k, headDim);
      roundRows(kernels, rounded.v, a.v, headDim);
    }
    const shape = { sequences, length, past: 0, capacity: length, heads, kvHeads, headDim };
    kernels.attention(a.q, a.k, a.v, a.attnOut, shape);
    return;
  }
  const { past } = cache;
  const [k, v] = [cache.k.extend(a.k, past), cache.v.extend(a.v, past)];
  const capacity = past + length;
  kernels.attention(a.q, k, v, a.attnOut, { sequences: 1, length, past, capacity, heads, kvHeads, headDim });
}

function feedForwardHalf(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  x: Float32Array,
  batch: Batch,
  a: BlockActivations,
): void {
  const { hidden, feedForward, normEpsilon } = config;
  const tokens = batch.sequences * batch.length;
  kernels.rmsNorm(a.mid, weights.ffnNorm, a.ffnIn, hidden, normEpsilon);
  linear(kernels, a.ffnIn, weights.gate, a.gate, tokens, feedForward, hidden, batch.inputBits?.gate);
  linear(kernels, a.ffnIn, weights.up, a.up, tokens, feedForward, hidden, batch.inputBits?.up);
  if (weights.gateBias) kernels.addBias(a.gate, weights.gateBias);
  if (weights.upBias) kernels.addBias(a.up, weights.upBias);
  kernels.swiglu(a.gate, a.up, a.ffnAct);
  linear(kernels, a.ffnAct, weights.down, x, tokens, hidden, feedForward, batch.inputBits?.down);
  if (weights.downBias) kernels.addBias(x, weights.downBias);
  kernels.add(x, a.mid);
}
