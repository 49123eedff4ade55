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
  /** Absent where a block does not look at positions. */
  readonly rope?: RopePart;
  /** Rows of q, k and v are one weight, `attn_qkv`, in that order. */
  readonly fused?: boolean;
  /** Layers that have biases, of `attn_q`, `attn_k`, `attn_v` (or `attn_qkv`) and `attn_output`; default none. */
  readonly biases?: readonly string[];
  /** q and k are normed before RoPE: each head by itself, or the whole row. Default: not at all. */
  readonly qkNorm?: 'heads' | 'rows';
  /** Of scores; default 1/√headDim. */
  readonly scale?: number;
  /** Scaled scores s become c·tanh(s/c). */
  readonly softcap?: number;
  /** Keys that a query sees, its own the last; default all. */
  readonly window?: number;
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

/** Grouped-query attention with cached keys and values. @param x normed, [tokens, hidden] → [tokens, hidden] */
export function selfAttention(build: GraphBuilder, x: ValueId, part: AttentionPart): ValueId {
  const { layer, hidden, heads, kvHeads, headDim } = part;
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const norm = (kind: 'q' | 'k', rows: ValueId, count: number): ValueId => {
    if (part.qkNorm === undefined) return rows;
    const gain = build.weight(name(`attn_${kind}_norm.weight`), [part.qkNorm === 'heads' ? headDim : count * headDim]);
    return build.node('rmsNorm', [rows, gain], { epsilon: part.normEpsilon });
  };
  const [qRaw, kRaw, v] = part.fused ? projectedTogether(build, x, part) : projectedApart(build, x, part);
  const [qNormed, kNormed] = [norm('q', qRaw, heads), norm('k', kRaw, kvHeads)];
  const rotated = rotate(build, qNormed, heads, headDim, part.rope);
  const k = rotate(build, kNormed, kvHeads, headDim, part.rope);
  const q = part.temperature === undefined ? rotated : tempered(build, rotated, part.temperature);
  const kept = (kind: 'k' | 'v', rows: ValueId): ValueId =>
    build.node('cache', [rows], { state: name(kind), kind, headDim });
  const attended = build.node('attention', [q, kept('k', k), kept('v', v)], {
    heads,
    kvHeads,
    headDim,
    ...(part.scale === undefined ? {} : { scale: part.scale }),
    ...(part.softcap === undefined ? {} : { softcap: part.softcap }),
    ...(part.window === undefined ? {} : { window: part.window }),
  });
  return projected(build, attended, part, 'attn_output', hidden, heads * headDim);
}

/** x · wᵀ, with its bias where it has one. */
function projected(
  build: GraphBuilder,
  x: ValueId,
  { layer, biases }: AttentionPart,
  name: string,
  rows: number,
  columns: number,
): ValueId {
  const product = build.node('linear', [x, build.weight(`blk.${layer}.${name}.weight`, [rows, columns])]);
  if (!biases?.includes(name)) return product;
  return build.node('addBias', [product, build.weight(`blk.${layer}.${name}.bias`, [rows])]);
}

type Projections = readonly [q: ValueId, k: ValueId, v: ValueId];

function projectedApart(build: GraphBuilder, x: ValueId, part: AttentionPart): Projections {
  const { hidden, heads, kvHeads, headDim } = part;
  const one = (kind: 'q' | 'k' | 'v', count: number): ValueId =>
    projected(build, x, part, `attn_${kind}`, count * headDim, hidden);
  return [one('q', heads), one('k', kvHeads), one('v', kvHeads)];
}

function projectedTogether(build: GraphBuilder, x: ValueId, part: AttentionPart): Projections {
  const { hidden, heads, kvHeads, headDim } = part;
  const rows = projected(build, x, part, 'attn_qkv', (heads + 2 * kvHeads) * headDim, hidden);
  const cut = (first: number, count: number): ValueId =>
    build.node('columns', [rows], { start: first * headDim, count: count * headDim });
  return [cut(0, heads), cut(heads, kvHeads), cut(heads + kvHeads, kvHeads)];
}

/** RoPE of every head's rows. */
function rotate(build: GraphBuilder, rows: ValueId, heads: number, headDim: number, rope?: RopePart): ValueId {
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
