import type { AttentionShape, Kernels, RopeShape } from '../kernels/contract.ts';
import type { ModelConfig } from '../model/types.ts';
import type { Batch, BlockActivations, BlockWeights, Weight } from '../run/block.ts';

/**
 * Gradients of one block, in the backend's memory, [tokens, …] each. Those named after a matrix are gradients at that
 * linear layer's output, before bias, QK-norm and RoPE.
 */
export interface BlockGradients {
  q: Float32Array; // [tokens, heads·headDim]
  k: Float32Array; // [tokens, kvHeads·headDim]
  v: Float32Array; // [tokens, kvHeads·headDim]
  o: Float32Array; // [tokens, hidden]; also the gradient at the residual stream between attention and feed-forward
  gate: Float32Array; // [tokens, feedForward]
  up: Float32Array; // [tokens, feedForward]
  /** At the block's output: given by the caller. */
  down: Float32Array; // [tokens, hidden]
  /** At the block's input. */
  input: Float32Array; // [tokens, hidden]
  /** At q and k after QK-norm; only in models with QK-norm. */
  qNormed?: Float32Array;
  kNormed?: Float32Array;
  /** Working memory: one hidden-wide, one feed-forward-wide, one as wide as attention's output. */
  normed: Float32Array; // [tokens, hidden]
  activated: Float32Array; // [tokens, feedForward]
  attended: Float32Array; // [tokens, heads·headDim]
}

/** Arrays for the gradients of `tokens` tokens of one block, in the backend's memory. */
export function allocateGradients(
  kernels: Kernels,
  config: ModelConfig,
  tokens: number,
  qkNorm: boolean,
): BlockGradients {
  const { hidden, feedForward, heads, kvHeads, headDim } = config;
  const array = (width: number): Float32Array => kernels.f32(tokens * width);
  const [qWidth, kvWidth] = [heads * headDim, kvHeads * headDim];
  return {
    q: array(qWidth),
    k: array(kvWidth),
    v: array(kvWidth),
    o: array(hidden),
    gate: array(feedForward),
    up: array(feedForward),
    down: array(hidden),
    input: array(hidden),
    ...(qkNorm ? { qNormed: array(qWidth), kNormed: array(kvWidth) } : {}),
    normed: array(hidden),
    activated: array(feedForward),
    attended: array(qWidth),
  };
}

/**
 * Vector–Jacobian product of one block: from `gradients.down`, the gradient at its output, to all the others.
 * @param x the block's input, [tokens, hidden], as it was before `blockForward` updated it
 * @param kept what `blockForward` kept
 * @throws TypeError when a weight is not float32
 */
export function blockBackward(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  x: Float32Array,
  batch: Batch,
  kept: BlockActivations,
  gradients: BlockGradients,
): void {
  feedForwardBackward(kernels, config, weights, batch, kept, gradients);
  attentionHalfBackward(kernels, config, weights, x, batch, kept, gradients);
}

function feedForwardBackward(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  batch: Batch,
  kept: BlockActivations,
  d: BlockGradients,
): void {
  const { hidden, feedForward, normEpsilon } = config;
  const tokens = batch.sequences * batch.length;
  kernels.matmulNN(d.down, dense(weights.down), d.activated, tokens, feedForward, hidden);
  kernels.swigluBackward(kept.gate, kept.up, d.activated, d.gate, d.up);
  kernels.matmulNN(d.gate, dense(weights.gate), d.normed, tokens, hidden, feedForward);
  kernels.matmulNN(d.up, dense(weights.up), d.normed, tokens, hidden, feedForward, true);
  kernels.rmsNormBackward(kept.mid, weights.ffnNorm, d.normed, d.o, hidden, normEpsilon);
  kernels.add(d.o, d.down);
}

function attentionHalfBackward(
  kernels: Kernels,
  config: ModelConfig,
  weights: BlockWeights,
  x: Float32Array,
  batch: Batch,
  kept: BlockActivations,
  d: BlockGradients,
): void {
  const { hidden, heads, kvHeads, headDim, normEpsilon } = config;
  const { sequences, length } = batch;
  const tokens = sequences * length;
  const [qWidth, kvWidth] = [heads * headDim, kvHeads * headDim];
  kernels.matmulNN(d.o, dense(weights.o), d.attended, tokens, qWidth, hidden);
  const shape: AttentionShape = { sequences, length, past: 0, capacity: length, heads, kvHeads, headDim };
  const q = d.qNormed ?? d.q;
  const k = d.kNormed ?? d.k;
  kernels.attentionBackward(kept.q, kept.k, kept.v, d.attended, q, k, d.v, shape);
  kernels.rope(q, batch.positions, batch.ropeTable, ropeShape(config, heads), true);
  kernels.rope(k, batch.positions, batch.ropeTable, ropeShape(config, kvHeads), true);
  if (d.qNormed) kernels.rmsNormBackward(kept.qRaw!, weights.qNorm!, d.qNormed, d.q, headDim, normEpsilon);
  if (d.kNormed) kernels.rmsNormBackward(kept.kRaw!, weights.kNorm!, d.kNormed, d.k, headDim, normEpsilon);
  kernels.matmulNN(d.q, dense(weights.q), d.normed, tokens, hidden, qWidth);
  kernels.matmulNN(d.k, dense(weights.k), d.normed, tokens, hidden, kvWidth, true);
  kernels.matmulNN(d.v, dense(weights.v), d.normed, tokens, hidden, kvWidth, true);
  kernels.rmsNormBackward(x, weights.attnNorm, d.normed, d.input, hidden, normEpsilon);
  kernels.add(d.input, d.o);
}

function ropeShape(config: ModelConfig, heads: number): RopeShape {
  return { heads, headDim: config.headDim, dimensions: config.rope.dimensions, style: config.rope.style };
}

function dense(weight: Weight): Float32Array {
  if (!(weight instanceof Float32Array))
    throw new TypeError(`gradients need float32 weights, found blocks of ${weight.format}: load the block as float32`);
  return weight;
}
