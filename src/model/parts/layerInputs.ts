import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';

/** Embeddings of tokens that every block has of its own. */
export interface LayerInputsPart {
  readonly layers: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  /** Width of one block's. */
  readonly width: number;
}

/**
 * What all blocks are given beside the residual stream: rows of a table of the token's, and a projection of its embedding, normed
 * block by block. @param x scaled embeddings, [tokens, hidden] → [tokens, layers · width]
 * @see Google, "Gemma 3n" (2025), per-layer embeddings
 */
export function layerInputs(build: GraphBuilder, x: ValueId, part: LayerInputsPart): ValueId {
  const { layers, hidden, vocabulary, width, normEpsilon: epsilon } = part;
  const all = layers * width;
  const scaled = (rows: ValueId, factor: number): ValueId => build.node('scale', [rows], { factor });
  const tokens = build.input('tokens', 'i32', [{ of: 'tokens', times: 1 }]);
  const table = build.weight('per_layer_token_embd.weight', [vocabulary, all]);
  const own = scaled(build.node('lookup', [tokens, table]), Math.sqrt(width));
  const projected = build.node('linear', [x, build.weight('per_layer_model_proj.weight', [all, hidden])]);
  const gain = build.weight('per_layer_proj_norm.weight', [width]);
  const normed = build.node('rmsNorm', [scaled(projected, 1 / Math.sqrt(hidden)), gain], { epsilon });
  return scaled(build.node('add', [normed, own]), Math.SQRT1_2);
}

/** x + norm(proj(gelu(gate(x)) · a block's own input)). @param inputs of all blocks */
export function withLayerInput(
  build: GraphBuilder,
  x: ValueId,
  inputs: ValueId,
  { layer, hidden, width, normEpsilon: epsilon }: Omit<LayerInputsPart, 'layers' | 'vocabulary'> & { layer: number },
): ValueId {
  const name = (suffix: string): string => `blk.${layer}.${suffix}.weight`;
  const own = build.node('columns', [inputs], { start: layer * width, count: width });
  const gate = build.node('linear', [x, build.weight(name('inp_gate'), [width, hidden])]);
  const inner = build.node('gated', [gate, own], { activation: 'gelu' });
  const projected = build.node('linear', [inner, build.weight(name('proj'), [hidden, width])]);
  const normed = build.node('rmsNorm', [projected, build.weight(name('post_norm'), [hidden])], { epsilon });
  return build.node('add', [normed, x]);
}
