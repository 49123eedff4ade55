import { ropeFrequencies } from '../../src/model/rope.ts';
import type { ModelConfig } from '../../src/model/types.ts';

/** Values of tensors by GGUF name. */
export type Values = ReadonlyMap<string, { readonly values: Float32Array }>;

/*
 * The llama family written out in float64, one number after the other: what the graph, its kernels and its gradients are
 * compared with. It shares nothing with them but the frequencies of RoPE.
 */

/**
 * One pre-norm block on whole sequences.
 * @param x [tokens, hidden]; sequences of `length` tokens
 * @returns [tokens, hidden]
 */
export function literalBlock(
  config: ModelConfig,
  values: Values,
  layer: number,
  x: Float64Array,
  length: number,
): Float64Array {
  const { hidden, heads, kvHeads, headDim, normEpsilon } = config;
  const of = (name: string): Float32Array => values.get(`blk.${layer}.${name}`)!.values;
  const normed = rmsNorm(x, of('attn_norm.weight'), hidden, normEpsilon);
  const project = (kind: 'q' | 'k', count: number): Float64Array => {
    const bias = values.get(`blk.${layer}.attn_${kind}.bias`)?.values;
    const gain = values.get(`blk.${layer}.attn_${kind}_norm.weight`)?.values;
    const rows = product(normed, of(`attn_${kind}.weight`), hidden, bias);
    return rotated(config, gain ? rmsNorm(rows, gain, headDim, normEpsilon) : rows, count, length);
  };
  const [q, k] = [project('q', heads), project('k', kvHeads)];
  const v = product(normed, of('attn_v.weight'), hidden, values.get(`blk.${layer}.attn_v.bias`)?.values);
  const attended = attention(config, q, k, v, length);
  const mid = sum(x, product(attended, of('attn_output.weight'), heads * headDim));
  const inner = rmsNorm(mid, of('ffn_norm.weight'), hidden, normEpsilon);
  const up = product(inner, of('ffn_up.weight'), hidden);
  const activated = product(inner, of('ffn_gate.weight'), hidden).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
  return sum(mid, product(activated, of('ffn_down.weight'), config.feedForward));
}

/** log p of every token and vocabulary entry, [tokens, vocabulary]. */
export function literalLogProbabilities(
  config: ModelConfig,
  values: Values,
  { ids, length }: { readonly ids: Int32Array; readonly length: number },
): Float64Array {
  const { hidden, vocabulary } = config;
  const embedding = values.get('token_embd.weight')!.values;
  let x = new Float64Array(ids.length * hidden);
  for (const [t, id] of ids.entries()) x.set(embedding.subarray(id * hidden, (id + 1) * hidden), t * hidden);
  for (let layer = 0; layer < config.layers; layer++)
    x = new Float64Array(literalBlock(config, values, layer, x, length));
  const normed = rmsNorm(x, values.get('output_norm.weight')!.values, hidden, config.normEpsilon);
  const head = values.get(config.tied ? 'token_embd.weight' : 'output.weight')!.values;
  const logits = product(normed, head, hidden);
  for (let from = 0; from < logits.length; from += vocabulary) {
    const row = logits.subarray(from, from + vocabulary);
    const most = Math.max(...row);
    const log = most + Math.log(row.reduce((total, logit) => total + Math.exp(logit - most), 0));
    for (let i = 0; i < vocabulary; i++) row[i] -= log;
  }
  return logits;
}

/** y[t, n] = x[t, k] · w[n, k]ᵀ + bias[n]. */
function product(x: Float64Array, w: Float32Array, k: number, bias?: Float32Array): Float64Array {
  const [tokens, n] = [x.length / k, w.length / k];
  const y = new Float64Array(tokens * n);
  for (let t = 0; t < tokens; t++)
    for (let j = 0; j < n; j++) {
      let total = bias?.[j] ?? 0;
      for (let i = 0; i < k; i++) total += x[t * k + i] * w[j * k + i];
      y[t * n + j] = total;
    }
  return y;
}

function rmsNorm(x: Float64Array, gain: Float32Array, n: number, epsilon: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += n) {
    let squares = 0;
    for (let i = 0; i < n; i++) squares += x[from + i] ** 2;
    for (let i = 0; i < n; i++) y[from + i] = (x[from + i] / Math.sqrt(squares / n + epsilon)) * gain[i];
  }
  return y;
}

/** Pair i of every head, turned by position · frequency i. */
function rotated({ headDim, rope }: ModelConfig, x: Float64Array, heads: number, length: number): Float64Array {
  const { frequencies, magnitude } = ropeFrequencies(rope);
  const y = x.slice();
  const pairs = rope.dimensions / 2;
  for (let head = 0; head < x.length / headDim; head++) {
    const position = Math.floor(head / heads) % length;
    for (let i = 0; i < pairs; i++) {
      const first = head * headDim + (rope.style === 'interleaved' ? 2 * i : i);
      const second = rope.style === 'interleaved' ? first + 1 : first + pairs;
      const [cos, sin] = [Math.cos(position * frequencies[i]), Math.sin(position * frequencies[i])];
      y[first] = magnitude * (x[first] * cos - x[second] * sin);
      y[second] = magnitude * (x[first] * sin + x[second] * cos);
    }
  }
  return y;
}

/** Causal, queries of several heads over the keys of one. */
function attention(
  { heads, kvHeads, headDim }: ModelConfig,
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  length: number,
): Float64Array {
  const out = new Float64Array(q.length);
  const [wide, narrow] = [heads * headDim, kvHeads * headDim];
  for (let t = 0; t < q.length / wide; t++)
    for (let head = 0; head < heads; head++) {
      const own = Math.floor((head * kvHeads) / heads) * headDim;
      const query = t * wide + head * headDim;
      const weights: number[] = [];
      for (let s = t - (t % length); s <= t; s++) {
        let score = 0;
        for (let d = 0; d < headDim; d++) score += q[query + d] * k[s * narrow + own + d];
        weights.push(Math.exp(score / Math.sqrt(headDim)));
      }
      const total = weights.reduce((all, weight) => all + weight, 0);
      for (const [i, weight] of weights.entries())
        for (let d = 0; d < headDim; d++)
          out[query + d] += (weight / total) * v[(t - (t % length) + i) * narrow + own + d];
    }
  return out;
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]);
}
