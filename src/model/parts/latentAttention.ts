import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import type { LatentConfig } from '../types.ts';
import { type RopePart, rotate } from './attention.ts';

/** How one block attends to latent vectors. */
export interface LatentAttentionPart extends LatentConfig {
  readonly layer: number;
  /** Width of the residual stream. */
  readonly hidden: number;
  readonly heads: number;
  readonly normEpsilon: number;
  readonly rope: RopePart;
  /** Factor of scores. */
  readonly scale: number;
}

/**
 * Multi-head latent attention, absorbed: one vector a token, its latent part and its rotated one, is key of all heads, and the
 * latent part their value. Queries and what is attended to go through a matrix of every head's own. The whole vector is read as
 * value too, so that it is cached once; columns of its rotated part are dropped.
 * @see DeepSeek-AI, "DeepSeek-V2" (2024), section 2.1 and appendix C
 * @param x normed, [tokens, hidden] → [tokens, hidden]
 */
export function latentAttention(build: GraphBuilder, x: ValueId, part: LatentAttentionPart): ValueId {
  const { layer, hidden, heads, rank, plain, rotated, value, rope, scale, normEpsilon: epsilon } = part;
  const product = (input: ValueId, name: string, rows: number, columns: number): ValueId =>
    build.node('linear', [input, build.weight(`blk.${layer}.${name}.weight`, [rows, columns])]);
  const norm = (input: ValueId, name: string, width: number): ValueId =>
    build.node('rmsNorm', [input, build.weight(`blk.${layer}.${name}.weight`, [width])], { epsilon });
  const perHead = (input: ValueId, name: string, rows: number, columns: number): ValueId => {
    const [own, , offsets] = build.nodes('headRows', [input], { heads });
    const weight = build.weight(`blk.${layer}.${name}.weight`, [heads * rows, columns]);
    return build.node('headColumns', [build.node('groupedLinear', [own, weight, offsets])], { heads });
  };
  const queryWidth = heads * (plain + rotated);
  const queries =
    part.queryRank === undefined
      ? product(x, 'attn_q', queryWidth, hidden)
      : product(
          norm(product(x, 'attn_q_a', part.queryRank, hidden), 'attn_q_a_norm', part.queryRank),
          'attn_q_b',
          queryWidth,
          part.queryRank,
        );
  const [qPlain, qRaw] = build.nodes('split', [queries], { widths: [plain, rotated], groups: heads });
  const [latentRaw, kRaw] = build.nodes('split', [product(x, 'attn_kv_a_mqa', rank + rotated, hidden)], {
    widths: [rank, rotated],
  });
  const key = {
    widths: [rank, rotated],
    latent: norm(latentRaw, 'attn_kv_a_norm', rank),
    turned: rotate(build, kRaw, 1, rotated, rope),
  };
  const headDim = rank + rotated;
  const rows = build.node('join', [key.latent, key.turned], { widths: key.widths });
  const kept = build.node('cache', [rows], { state: `blk.${layer}.attn_k`, kind: 'k', headDim });
  const q = build.node('join', [perHead(qPlain, 'attn_k_b', rank, plain), rotate(build, qRaw, heads, rotated, rope)], {
    widths: key.widths,
    groups: heads,
  });
  const attended = build.node('attention', [q, kept, kept], { heads, kvHeads: 1, headDim, scale });
  const [latent] = build.nodes('split', [attended], { widths: key.widths, groups: heads });
  return product(perHead(latent, 'attn_v_b', value, rank), 'attn_output', hidden, heads * value);
}
