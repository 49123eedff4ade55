import type { ModelConfig } from '../../src/model/types.ts';

/*
 * A llama model in float64, one sequence at a time, written out for tests: nothing of `src` computes here, so what it says
 * of outputs, gradients and divergences is a second opinion. Gradients are central differences.
 */

/** Weights by GGUF name, row-major. */
export type WeightsOf = (name: string) => ArrayLike<number>;

/** What one matrix did to a sequence. A look-up's inputs are one-hot. */
export interface Trace {
  /** [tokens][columns] */
  readonly inputs: number[][];
  /** [tokens][rows]; for the embedding its rows, [tokens][columns] */
  readonly outputs: number[][];
}

export interface PlainRun {
  readonly traces: ReadonlyMap<string, Trace>;
  /** Residual stream before the first block and after each. [layers + 1][tokens][hidden] */
  readonly boundaries: number[][][];
  /** [tokens][vocabulary] */
  readonly logits: number[][];
  /** log p, [tokens][vocabulary] */
  readonly logP: number[][];
}

/** Adds `by` to one output of a matrix at one token. */
export interface Nudge {
  readonly tensor: string;
  readonly token: number;
  readonly output: number;
  readonly by: number;
}

/** Runs a llama model (RMSNorm, interleaved RoPE, grouped queries, SwiGLU, no biases) on one sequence. */
export function runPlain(config: ModelConfig, weightsOf: WeightsOf, ids: ArrayLike<number>, nudge?: Nudge): PlainRun {
  const { layers, hidden } = config;
  const traces = new Map<string, Trace>();
  const linear = (tensor: string, inputs: number[][]): number[][] => {
    const weights = weightsOf(tensor);
    const columns = inputs[0].length;
    const rows = weights.length / columns;
    const outputs = inputs.map((x) => Array.from({ length: rows }, (_, i) => dot(x, weights, i * columns)));
    return keep(tensor, inputs, outputs);
  };
  const keep = (tensor: string, inputs: number[][], outputs: number[][]): number[][] => {
    if (nudge?.tensor === tensor) outputs[nudge.token][nudge.output] += nudge.by;
    traces.set(tensor, { inputs, outputs });
    return outputs;
  };
  const norm = (tensor: string, states: number[][]): number[][] => {
    const gain = weightsOf(tensor);
    return states.map((x) => {
      const scale = 1 / Math.sqrt(dot(x, x) / x.length + config.normEpsilon);
      return x.map((value, i) => value * scale * gain[i]);
    });
  };
  const table = weightsOf('token_embd.weight');
  const oneHot = Array.from(ids, (id) => Array.from({ length: config.vocabulary }, (_, i) => Number(i === id)));
  const embedded = Array.from(ids, (id) => Array.from({ length: hidden }, (_, c) => table[id * hidden + c]));
  const boundaries = [keep('token_embd.weight', oneHot, embedded)];
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string): string => `blk.${layer}.${part}.weight`;
    const x = boundaries[layer];
    const read = norm(name('attn_norm'), x);
    const [q, k, v] = ['attn_q', 'attn_k', 'attn_v'].map((part) => linear(name(part), read));
    const middle = add(x, linear(name('attn_output'), attend(config, q, k, v)));
    const between = norm(name('ffn_norm'), middle);
    const [gate, up] = ['ffn_gate', 'ffn_up'].map((part) => linear(name(part), between));
    const gated = gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * up[t][i]));
    boundaries.push(add(middle, linear(name('ffn_down'), gated)));
  }
  const logits = linear('output.weight', norm('output_norm.weight', boundaries[layers]));
  return { traces, boundaries, logits, logP: logits.map(logSoftmax) };
}

function attend(config: ModelConfig, q: number[][], k: number[][], v: number[][]): number[][] {
  const { heads, kvHeads, headDim, rope } = config;
  const turn = (row: number[], t: number): number[] => {
    const turned = row.slice();
    for (let i = 0; i < row.length; i += 2) {
      const angle = t * rope.theta ** (-(i % headDim) / headDim);
      turned[i] = row[i] * Math.cos(angle) - row[i + 1] * Math.sin(angle);
      turned[i + 1] = row[i] * Math.sin(angle) + row[i + 1] * Math.cos(angle);
    }
    return turned;
  };
  const [queries, keys] = [q.map(turn), k.map(turn)];
  return queries.map((query, t) =>
    Array.from({ length: heads }, (_, head) => {
      const shared = Math.floor(head / (heads / kvHeads)) * headDim;
      const own = query.slice(head * headDim, (head + 1) * headDim);
      const scores = keys.slice(0, t + 1).map((key) => dot(own, key, shared) / Math.sqrt(headDim));
      const shares = logSoftmax(scores).map(Math.exp);
      return own.map((_, d) => shares.reduce((sum, share, s) => sum + share * v[s][shared + d], 0));
    }).flat(),
  );
}

/**
 * Gradients of Σ_t log p(label_t) at every output of a matrix, by central differences. [tokens][outputs]
 * @param labels one per token; below 0 where a token has none
 */
export function plainGradient(
  config: ModelConfig,
  weightsOf: WeightsOf,
  ids: ArrayLike<number>,
  labels: ArrayLike<number>,
  tensor: string,
): number[][] {
  const step = 1e-4;
  const logLikelihood = (nudge: Nudge): number =>
    runPlain(config, weightsOf, ids, nudge).logP.reduce((sum, row, t) => sum + (labels[t] < 0 ? 0 : row[labels[t]]), 0);
  const { outputs } = runPlain(config, weightsOf, ids).traces.get(tensor)!;
  return outputs.map((row, token) =>
    row.map((_, output) => {
      const [up, down] = [step, -step].map((by) => logLikelihood({ tensor, token, output, by }));
      return (up - down) / (2 * step);
    }),
  );
}

/** Σ_i a_i·b_(from+i) */
export function dot(a: readonly number[], b: ArrayLike<number>, from = 0): number {
  return a.reduce((sum, value, i) => sum + value * b[from + i], 0);
}

function add(a: number[][], b: number[][]): number[][] {
  return a.map((row, t) => row.map((value, i) => value + b[t][i]));
}

function logSoftmax(row: readonly number[]): number[] {
  const largest = Math.max(...row);
  const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0)) + largest;
  return row.map((value) => value - total);
}
