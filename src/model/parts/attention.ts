import type { GraphBuilder } from '../../graph/build.ts';
import type { Recipe, ValueId } from '../../graph/types.ts';

/** How one block attends. */
export interface AttentionPart {
  readonly layer: number;
  /** Width of the residual stream. */
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly normEpsilon: number;
  /** Default: none, positions are told otherwise. */
  readonly rope?: RopePart;
  /** q, k and v are one matrix, `attn_qkv`, their rows one after the other. */
  readonly fused?: boolean;
  /** Default true. Where tokens see those behind them too, nothing is cached, and a window reaches to both sides. */
  readonly causal?: boolean;
  /** Layers that have biases, of `attn_q`, `attn_k`, `attn_v` (or `attn_qkv`) and `attn_output`; default none. */
  readonly biases?: readonly string[];
  /** q and k are normed per head before RoPE. */
  readonly qkNorm?: boolean;
  /**
   * Behind every head's query stands a gate, as wide: what attention gives is multiplied with the gate's sigmoid. Default no.
   */
  readonly outputGate?: boolean;
  /** Of scores; default 1/√headDim. */
  readonly scale?: number;
  /** Keys that a query sees, its own the last; default all. */
  readonly window?: number;
}

export interface RopePart {
  readonly dimensions: number;
  readonly style: 'interleaved' | 'halves';
  /** Radians per position of every pair, [dimensions/2]. */
  readonly frequencies: readonly number[];
  /** Factor on cos and sin. */
  readonly magnitude: number;
}

/**
 * Grouped-query attention with RoPE and cached keys and values, where there are such. @param x normed, [tokens, hidden] →
 * [tokens, hidden]
 */
export function selfAttention(build: GraphBuilder, x: ValueId, part: AttentionPart): ValueId {
  const { layer, hidden, heads, kvHeads, headDim, causal = true } = part;
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const normed = (kind: 'q' | 'k', rows: ValueId): ValueId =>
    part.qkNorm
      ? build.node('rmsNorm', [rows, build.weight(name(`attn_${kind}_norm.weight`), [headDim])], {
          epsilon: part.normEpsilon,
        })
      : rows;
  const [query, kRaw, v] = projections(build, x, part);
  const [qRaw, gate] = part.outputGate
    ? build.nodes('split', [query], { widths: [headDim, headDim], groups: heads })
    : [query];
  const [qNormed, kNormed] = [normed('q', qRaw), normed('k', kRaw)];
  const q = rotate(build, qNormed, heads, headDim, part.rope);
  const k = rotate(build, kNormed, kvHeads, headDim, part.rope);
  const kept = (kind: 'k' | 'v', rows: ValueId): ValueId =>
    causal ? build.node('cache', [rows], { state: name(kind), kind, headDim }) : rows;
  const attended = build.node('attention', [q, kept('k', k), kept('v', v)], {
    heads,
    kvHeads,
    headDim,
    ...(part.scale === undefined ? {} : { scale: part.scale }),
    ...(part.window === undefined ? {} : { window: part.window }),
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
    const starts = [0, widths[0], widths[0] + widths[1]];
    return widths.map((count, i) => build.node('columns', [fused], { start: starts[i], count }));
  }
  const names = ['attn_q', 'attn_k', 'attn_v'];
  const products = names.map((name, i) => project(name, widths[i]));
  return products.map((product, i) => biased(build, product, part, names[i], widths[i]));
}

function biased(build: GraphBuilder, rows: ValueId, part: AttentionPart, name: string, width: number): ValueId {
  if (!part.biases?.includes(name)) return rows;
  return build.node('addBias', [rows, build.weight(`blk.${part.layer}.${name}.bias`, [width])]);
}

/** RoPE of every head's rows. */
function rotate(build: GraphBuilder, rows: ValueId, heads: number, headDim: number, rope?: RopePart): ValueId {
  if (rope === undefined) return rows;
  const { dimensions, style, frequencies, magnitude } = rope;
  const recipe: Recipe = { kind: 'rope', frequencies, magnitude };
  const table = build.constant(recipe, [{ of: 'context', times: 1 }, dimensions / 2, 2]);
  return build.node('rope', [rows, positionsOf(build), table], { heads, headDim, dimensions, style });
}

/** Position of every token in its sequence. */
export function positionsOf(build: GraphBuilder): ValueId {
  return build.input('positions', 'i32', [{ of: 'tokens', times: 1 }]);
}
