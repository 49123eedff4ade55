import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import { type AttentionPart, plainNorm, type RopePart, rotate } from './attention.ts';

/** How one block attends to keys and values that are its own, or an earlier block's. */
export interface SharedAttentionPart
  extends Pick<AttentionPart, 'layer' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'normEpsilon' | 'window'> {
  readonly rope: RopePart;
  /** Factor of scores. */
  readonly scale: number;
  /** Values are what keys are made of: there is no `attn_v`. */
  readonly keysAreValues: boolean;
}

/** Keys and values as they are cached, [tokens, kvHeads · headDim] each. */
export interface Kept {
  readonly k: ValueId;
  readonly v: ValueId;
}

/** A block's keys, normed with gains and rotated, and values, normed without. @param x normed, [tokens, hidden] */
export function keysAndValues(build: GraphBuilder, x: ValueId, part: SharedAttentionPart): Kept {
  const { layer, hidden, kvHeads, headDim, normEpsilon: epsilon } = part;
  const product = (name: string): ValueId =>
    build.node('linear', [x, build.weight(`blk.${layer}.${name}.weight`, [kvHeads * headDim, hidden])]);
  const raw = product('attn_k');
  const values = part.keysAreValues ? raw : product('attn_v');
  const gain = build.weight(`blk.${layer}.attn_k_norm.weight`, [headDim]);
  const keys = rotate(build, build.node('rmsNorm', [raw, gain], { epsilon }), kvHeads, headDim, part.rope);
  const kept = (kind: 'k' | 'v', rows: ValueId): ValueId =>
    build.node('cache', [rows], { state: `blk.${layer}.attn_${kind}`, kind, headDim });
  return { k: kept('k', keys), v: kept('v', plainNorm(build, values, headDim, epsilon)) };
}

/** Attention of a block's own queries. @param x normed, [tokens, hidden] → [tokens, hidden] */
export function attendTo(build: GraphBuilder, x: ValueId, { k, v }: Kept, part: SharedAttentionPart): ValueId {
  const { layer, hidden, heads, kvHeads, headDim, scale, window, normEpsilon: epsilon } = part;
  const width = heads * headDim;
  const queries = build.node('linear', [x, build.weight(`blk.${layer}.attn_q.weight`, [width, hidden])]);
  const gain = build.weight(`blk.${layer}.attn_q_norm.weight`, [headDim]);
  const q = rotate(build, build.node('rmsNorm', [queries, gain], { epsilon }), heads, headDim, part.rope);
  const sizes = { heads, kvHeads, headDim, scale };
  const attended = build.node('attention', [q, k, v], { ...sizes, ...(window === undefined ? {} : { window }) });
  return build.node('linear', [attended, build.weight(`blk.${layer}.attn_output.weight`, [hidden, width])]);
}
