import type { GraphBuilder } from '../../graph/build.ts';
import type { Recipe, ValueId } from '../../graph/types.ts';
import type { Temperature } from '../types.ts';

/** How one block attends. */
export interface AttentionPart {
  readonly layer: number;
  /** Width of the residual stream. */
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly normEpsilon: number;
  /** Default: none, positions are told otherwise or not looked at. */
  readonly rope?: RopePart;
  /** q, k and v are one matrix, `attn_qkv`, their rows one after the other. */
  readonly fused?: boolean;
  /** Default true. Where tokens see those behind them too, nothing is cached, and a window reaches to both sides. */
  readonly causal?: boolean;
  /** Layers that have biases, of `attn_q`, `attn_k`, `attn_v` (or `attn_qkv`) and `attn_output`; default none. */
  readonly biases?: readonly string[];
  /** q and k are normed before RoPE: each head by itself, or the whole row. Default: not at all. */
  readonly qkNorm?: 'heads' | 'rows';
  /** q and k are normed behind RoPE, head by head, without gains. Default no. */
  readonly rotatedNorm?: boolean;
  /**
   * Behind every head's query stands a gate, as wide: what attention gives is multiplied with the gate's sigmoid. Default no.
   */
  readonly outputGate?: boolean;
  /** Of scores; default 1/√headDim. */
  readonly scale?: number;
  /** Scaled scores s become c·tanh(s/c). */
  readonly softcap?: number;
  /** Every head has a score that takes its share of a softmax and has no value, `attn_sinks`. Default no. */
  readonly sinks?: boolean;
  /** Keys that a query sees, its own the last; default all. */
  readonly window?: number;
  /** Queries see their own of such chunks of the sequence alone, in the place of a window. */
  readonly chunk?: number;
  /** What queries are multiplied with, by position; default 1 everywhere. */
  readonly temperature?: Temperature;
}

export interface RopePart {
  readonly dimensions: number;
  readonly style: 'interleaved' | 'halves';
  /** Radians per position of every pair, [dimensions/2]. */
  readonly frequencies: readonly number[];
  /** Factor on cos and sin. */
  readonly magnitude: number;
  /** Frequencies of sequences of more than `beyond` tokens, where they have others. */
  readonly long?: { readonly beyond: number; readonly frequencies: readonly number[] };
}

/**
 * Grouped-query attention with RoPE and cached keys and values, where there are such. @param x normed, [tokens, hidden] →
 * [tokens, hidden]
 */
export function selfAttention(build: GraphBuilder, x: ValueId, part: AttentionPart): ValueId {
  const { layer, hidden, heads, kvHeads, headDim, causal = true } = part;
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const norm = (kind: 'q' | 'k', rows: ValueId, count: number): ValueId => {
    if (part.qkNorm === undefined) return rows;
    const gain = build.weight(name(`attn_${kind}_norm.weight`), [part.qkNorm === 'heads' ? headDim : count * headDim]);
    return build.node('rmsNorm', [rows, gain], { epsilon: part.normEpsilon });
  };
  const [query, kRaw, v] = projections(build, x, part);
  const [qRaw, gate] = part.outputGate
    ? build.nodes('split', [query], { widths: [headDim, headDim], groups: heads })
    : [query];
  const [qNormed, kNormed] = [norm('q', qRaw, heads), norm('k', kRaw, kvHeads)];
  const turned = (rows: ValueId, count: number): ValueId => {
    const rotated = rotate(build, rows, count, headDim, part.rope);
    return part.rotatedNorm ? plainNorm(build, rotated, headDim, part.normEpsilon) : rotated;
  };
  const rotated = turned(qNormed, heads);
  const k = turned(kNormed, kvHeads);
  const q = part.temperature === undefined ? rotated : tempered(build, rotated, part.temperature);
  const kept = (kind: 'k' | 'v', rows: ValueId): ValueId =>
    causal ? build.node('cache', [rows], { state: name(kind), kind, headDim }) : rows;
  const sinks = part.sinks ? [build.weight(name('attn_sinks.weight'), [heads])] : [];
  const attended = build.node('attention', [q, kept('k', k), kept('v', v), ...sinks], {
    heads,
    kvHeads,
    headDim,
    ...(part.scale === undefined ? {} : { scale: part.scale }),
    ...(part.softcap === undefined ? {} : { softcap: part.softcap }),
    ...(part.window === undefined ? {} : { window: part.window }),
    ...(part.chunk === undefined ? {} : { chunk: part.chunk }),
    ...(causal ? {} : { causal }),
  });
  const opened =
    gate === undefined
      ? attended
      : build.node('multiply', [attended, build.node('activate', [gate], { activation: 'sigmoid' })]);
  const output = build.node('linear', [opened, build.weight(name('attn_output.weight'), [hidden, heads * headDim])]);
  return biased(build, output, part, 'attn_output', hidden);
}

/** Queries, keys and values as the matrices give them, with their biases. */
function projections(build: GraphBuilder, x: ValueId, part: AttentionPart): ValueId[] {
  const { layer, hidden, heads, kvHeads, headDim } = part;
  const widths = [part.outputGate ? 2 * heads : heads, kvHeads, kvHeads].map((count) => count * headDim);
  const project = (name: string, rows: number): ValueId =>
    build.node('linear', [x, build.weight(`blk.${layer}.${name}.weight`, [rows, hidden])]);
  if (part.fused) {
    const all = widths.reduce((sum, width) => sum + width, 0);
    const fused = biased(build, project('attn_qkv', all), part, 'attn_qkv', all);
    return build.nodes('split', [fused], { widths });
  }
  const names = ['attn_q', 'attn_k', 'attn_v'];
  const products = names.map((name, i) => project(name, widths[i]));
  return products.map((product, i) => biased(build, product, part, names[i], widths[i]));
}

function biased(build: GraphBuilder, rows: ValueId, part: AttentionPart, name: string, width: number): ValueId {
  if (!part.biases?.includes(name)) return rows;
  return build.node('addBias', [rows, build.weight(`blk.${part.layer}.${name}.bias`, [width])]);
}

/** x / rms(x) over groups of `width`, without gains. */
export function plainNorm(build: GraphBuilder, rows: ValueId, width: number, epsilon: number): ValueId {
  return build.node('rmsNorm', [rows, build.constant({ kind: 'fill', value: 1 }, [width])], { epsilon });
}

/** RoPE of every head's rows. */
export function rotate(build: GraphBuilder, rows: ValueId, heads: number, headDim: number, rope?: RopePart): ValueId {
  if (rope === undefined) return rows;
  const { dimensions, style, frequencies, magnitude, long } = rope;
  const recipe: Recipe = { kind: 'rope', frequencies, magnitude, ...(long && { long }) };
  const table = build.constant(recipe, [{ of: 'context', times: 1 }, dimensions / 2, 2]);
  return build.node('rope', [rows, positionsOf(build), table], { heads, headDim, dimensions, style });
}

/** Rows times the temperature of their positions. */
function tempered(build: GraphBuilder, rows: ValueId, { scale, length, offset = 0 }: Temperature): ValueId {
  const table = build.constant({ kind: 'temperature', scale, length, offset }, [{ of: 'context', times: 1 }, 1]);
  return build.node('scaleRows', [rows, build.node('lookup', [positionsOf(build), table])]);
}

/** Position of every token in its sequence. */
export function positionsOf(build: GraphBuilder): ValueId {
  return build.input('positions', 'i32', [{ of: 'tokens', times: 1 }]);
}
