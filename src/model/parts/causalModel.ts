import { GraphBuilder } from '../../graph/build.ts';
import type { Graph, ValueId } from '../../graph/types.ts';
import type { ModelConfig } from '../types.ts';
import { layerNorm } from './layerNorm.ts';

export interface CausalModelPart {
  readonly layers: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  /** The output head shares the token embedding. */
  readonly tied: boolean;
  readonly scales?: ModelConfig['scales'];
  readonly softcaps?: ModelConfig['softcaps'];
  /** What is added to rows of the embedding; default nothing. */
  readonly embed?: (build: GraphBuilder, rows: ValueId) => ValueId;
  /** The final norm takes the mean away and has a bias; default neither. */
  readonly layerNorm?: boolean;
  /** What GGUF calls the last norm; default `output_norm`. */
  readonly outputNorm?: string;
}

/**
 * Token embedding, blocks, final norm, output head: inputs `tokens` and `positions`, and `wanted`, the rows whose
 * logits are asked for. Segments: embedding, every block, final norm, head.
 * @param block the block's output from its input, both the residual stream [tokens, hidden]
 */
export function causalModel(
  part: CausalModelPart,
  block: (build: GraphBuilder, x: ValueId, layer: number) => ValueId,
): Graph {
  const { layers, hidden, vocabulary, normEpsilon: epsilon, scales, softcaps, outputNorm = 'output_norm' } = part;
  const build = new GraphBuilder();
  const tokens = build.input('tokens', 'i32', [{ of: 'tokens', times: 1 }]);
  const embedding = build.weight('token_embd.weight', [vocabulary, hidden]);
  let x = build.node('lookup', [tokens, embedding]);
  if (scales?.embedding !== undefined) x = build.node('scale', [x], { factor: scales.embedding });
  x = part.embed?.(build, x) ?? x;
  for (let layer = 0; layer < layers; layer++) {
    build.cut();
    x = block(build, x, layer);
  }
  build.cut();
  const wanted = build.input('wanted', 'i32', [{ of: 'wanted', times: 1 }]);
  const rows = build.node('select', [x, wanted]);
  const normed = part.layerNorm
    ? layerNorm(build, rows, { name: outputNorm, hidden, epsilon })
    : build.node('rmsNorm', [rows, build.weight(`${outputNorm}.weight`, [hidden])], { epsilon });
  build.cut();
  const head = part.tied ? embedding : build.weight('output.weight', [vocabulary, hidden]);
  let logits = build.node('linear', [normed, head]);
  if (scales?.logits !== undefined) logits = build.node('scale', [logits], { factor: scales.logits });
  if (softcaps?.logits !== undefined) logits = capped(build, logits, softcaps.logits);
  return build.finish([logits]);
}

/** cap · tanh(x / cap) */
function capped(build: GraphBuilder, x: ValueId, cap: number): ValueId {
  const tangent = build.node('activate', [build.node('scale', [x], { factor: 1 / cap })], { activation: 'tanh' });
  return build.node('scale', [tangent], { factor: cap });
}

/** A norm of rows by its weight's name. */
export interface NormPart {
  readonly tensor: string;
  readonly hidden: number;
  readonly epsilon: number;
}

function normed(build: GraphBuilder, rows: ValueId, { tensor, hidden, epsilon }: NormPart): ValueId {
  return build.node('rmsNorm', [rows, build.weight(tensor, [hidden])], { epsilon });
}

/** x + branch(norm(x)) */
export function preNormed(
  build: GraphBuilder,
  x: ValueId,
  norm: NormPart,
  branch: (normed: ValueId) => ValueId,
): ValueId {
  return build.node('add', [branch(normed(build, x, norm)), x]);
}

/** x + norm(branch(x)): the branch reads the residual stream as it is. */
export function postNormed(build: GraphBuilder, x: ValueId, norm: NormPart, branch: (x: ValueId) => ValueId): ValueId {
  return build.node('add', [normed(build, branch(x), norm), x]);
}

/** x + norm(branch(norm(x))): norms on both sides. */
export function sandwiched(
  build: GraphBuilder,
  x: ValueId,
  part: { layer: number; hidden: number; normEpsilon: number; before: string; after: string },
  branch: (normed: ValueId) => ValueId,
): ValueId {
  const norm = (rows: ValueId, name: string): ValueId =>
    normed(build, rows, { ...part, tensor: `blk.${part.layer}.${name}.weight`, epsilon: part.normEpsilon });
  return build.node('add', [norm(branch(norm(x, part.before)), part.after), x]);
}
