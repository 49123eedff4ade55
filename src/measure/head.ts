import type { Kernels } from '../kernels/contract.ts';
import {
  addInputEnergy,
  columnEnergy,
  type FactorSums,
  finishHalf,
  freeFactors,
  measuredUse,
  openFactors,
} from './factors.ts';
import { addHeadToSketch } from './sketch.ts';
import type { UseMeasurement } from './types.ts';

/** Logits in memory at once. */
const LOGITS = 32 * 2 ** 20;
/** The head's rows matter very unevenly (frequent tokens): more of them are sampled. */
const SKETCH_ROWS = 8192;

/** Final norm and output head, being measured. Arrays lie in the backend's memory. */
export interface Head {
  readonly hidden: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  readonly norm: Float32Array; // [hidden]
  readonly weight: Float32Array; // [vocabulary, hidden]
  readonly factors: FactorSums;
  /** Σ_t p_t of the current half, [vocabulary]. */
  readonly probability: Float32Array;
  /** Σ_t p_ti² of the current half, [vocabulary]. */
  readonly squares: Float64Array;
  /** Σ_t p_t of finished halves. */
  readonly total: Float64Array;
}

export interface HeadOptions {
  readonly tensor: string;
  readonly normEpsilon: number;
  readonly sequences: number;
}

export function openHead(kernels: Kernels, norm: Float32Array, weight: Float32Array, options: HeadOptions): Head {
  const hidden = norm.length;
  const vocabulary = weight.length / hidden;
  return {
    hidden,
    vocabulary,
    normEpsilon: options.normEpsilon,
    norm,
    weight,
    factors: openFactors(kernels, options.tensor, weight, hidden, options.sequences, SKETCH_ROWS),
    probability: kernels.f32(vocabulary),
    squares: new Float64Array(vocabulary),
    total: new Float64Array(vocabulary),
  };
}

export function freeHead(kernels: Kernels, head: Head): void {
  freeFactors(kernels, head.factors);
  kernels.free(head.probability, head.norm, head.weight);
}

/** A run of tokens whose logits are in memory together; a sequence longer than that is cut. */
export interface HeadChunk {
  readonly from: number;
  readonly to: number;
  readonly order: readonly number[];
}

/** Cuts a batch so that a chunk's logits fit. */
export function headChunks(order: readonly number[], length: number, vocabulary: number): HeadChunk[] {
  const rows = Math.max(1, Math.floor(LOGITS / vocabulary));
  const together = Math.floor(rows / length);
  const chunks: HeadChunk[] = [];
  const step = together > 0 ? together * length : rows;
  for (let from = 0; from < order.length * length; ) {
    const sequence = Math.floor(from / length);
    const end = together > 0 ? order.length * length : (sequence + 1) * length;
    const to = Math.min(from + step, end);
    chunks.push({ from, to, order: order.slice(sequence, Math.ceil(to / length)) });
    from = to;
  }
  return chunks;
}

/**
 * Labels sampled from the model's own distribution, the gradient of their log-probability at the input of the final
 * norm, and the head's share of the factors.
 * @param x residual stream after the last block, [tokens, hidden]
 * @param uniform one number in [0,1) per token
 * @param gradient out, [tokens, hidden]
 */
export function headChunk(
  kernels: Kernels,
  head: Head,
  chunk: HeadChunk,
  x: Float32Array,
  uniform: Float32Array,
  gradient: Float32Array,
): void {
  const { hidden, vocabulary, factors } = head;
  const tokens = chunk.to - chunk.from;
  kernels.scope(() => {
    const normed = kernels.f32(tokens * hidden);
    kernels.rmsNorm(x, head.norm, normed, hidden, head.normEpsilon);
    const logits = kernels.f32(tokens * vocabulary);
    kernels.matmulNT(normed, head.weight, logits, tokens, vocabulary, hidden);
    const curvature = kernels.f32(tokens);
    kernels.sampledScore(logits, uniform, curvature, head.probability, vocabulary);
    addProbabilitySquares(logits, head.squares);
    kernels.gram(normed, curvature, factors.a, tokens, hidden);
    addHeadToSketch(kernels, factors.sketch, factors.perturbation, {
      x: normed,
      g: logits,
      width: vocabulary,
      order: chunk.order,
    });
    addInputEnergy(factors, columnEnergy(normed, hidden), tokens);
    factors.tokens += tokens;
    const normedGradient = kernels.f32(tokens * hidden);
    kernels.matmulNN(logits, head.weight, normedGradient, tokens, hidden, vocabulary);
    kernels.rmsNormBackward(x, head.norm, normedGradient, gradient, hidden, head.normEpsilon);
  });
}

/** squares_i += p_ti², where g = onehot(ŷ) − p: positive at the sampled label only. */
function addProbabilitySquares(g: Float32Array, squares: Float64Array): void {
  const n = squares.length;
  for (let at = 0; at < g.length; ) {
    let label = -1;
    for (let i = 0; i < n; i++, at++) {
      const value = g[at];
      squares[i] += value * value;
      if (value > 0) label = i;
    }
    // (1 − p)² was added at the label; p² = (1 − g)² belongs there.
    if (label >= 0) squares[label] += 1 - 2 * g[at - n + label];
  }
}

/** E[g_i²] at the logits is E[p_i·(1 − p_i)]: known without sampling. */
export function finishHeadHalf(kernels: Kernels, head: Head): void {
  const { probability, squares, total, factors } = head;
  for (let i = 0; i < total.length; i++) {
    factors.rowEnergy[i] = Math.max(0, probability[i] - squares[i]);
    total[i] += probability[i];
  }
  finishHalf(kernels, factors);
  probability.fill(0);
  squares.fill(0);
}

/** The head's factors, and the mean predicted probability of every token. */
export function finishHead(head: Head): { use: UseMeasurement; probability: Float32Array } {
  const tokens = head.factors.inputTokens;
  return { use: measuredUse(head.factors), probability: Float32Array.from(head.total, (sum) => sum / tokens) };
}
