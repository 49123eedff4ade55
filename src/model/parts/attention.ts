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
  /** Absent where a block does not look at positions. */
  readonly rope?: RopePart;
  /** Layers that have biases, of `attn_q`, `attn_k`, `attn_v` and `attn_output`; default none. */
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

/** Grouped-query attention with RoPE and cached keys and values. @param x normed, [tokens, hidden] → [tokens, hidden] */
export function selfAttention(build: GraphBuilder, x: ValueId, part: AttentionPart): ValueId {
  const { layer, hidden, heads, kvHeads, headDim } = part;
  const name = (suffix: string): string => `blk.${layer}.${suffix}`;
  const project = (kind: 'q' | 'k' | 'v', count: number): ValueId =>
    build.node('linear', [x, build.weight(name(`attn_${kind}.weight`), [count * headDim, hidden])]);
  const biased = (kind: 'q' | 'k' | 'v' | 'output', rows: ValueId, width: number): ValueId =>
    part.biases?.includes(`attn_${kind}`)
      ? build.node('addBias', [rows, build.weight(name(`attn_${kind}.bias`), [width])])
      : rows;
  const normed = (kind: 'q' | 'k', rows: ValueId): ValueId =>
    part.qkNorm
      ? build.node('rmsNorm', [rows, build.weight(name(`attn_${kind}_norm.weight`), [headDim])], {
          epsilon: part.normEpsilon,
        })
      : rows;
  const projected = [project('q', part.outputGate ? 2 * heads : heads), project('k', kvHeads), project('v', kvHeads)];
  const [query, gate] = part.outputGate
    ? build.nodes('split', [projected[0]], { widths: [headDim, headDim], groups: heads })
    : [projected[0]];
  const [qRaw, kRaw, v] = [
    biased('q', query, heads * headDim),
    biased('k', projected[1], kvHeads * headDim),
    biased('v', projected[2], kvHeads * headDim),
  ];
  const [qNormed, kNormed] = [normed('q', qRaw), normed('k', kRaw)];
  const q = rotate(build, qNormed, heads, headDim, part.rope);
  const k = rotate(build, kNormed, kvHeads, headDim, part.rope);
  const kept = (kind: 'k' | 'v', rows: ValueId): ValueId =>
    build.node('cache', [rows], { state: name(kind), kind, headDim });
  const attended = build.node('attention', [q, kept('k', k), kept('v', v)], {
    heads,
    kvHeads,
    headDim,
    ...(part.scale === undefined ? {} : { scale: part.scale }),
    ...(part.window === undefined ? {} : { window: part.window }),
  });
  const opened =
    gate === undefined
      ? attended
      : build.node('multiply', [attended, build.node('activate', [gate], { activation: 'sigmoid' })]);
  const output = build.node('linear', [opened, build.weight(name('attn_output.weight'), [hidden, heads * headDim])]);
  return biased('output', output, hidden);
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
