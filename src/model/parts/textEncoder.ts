import { GraphBuilder } from '../../graph/build.ts';
import type { Graph, ValueId } from '../../graph/types.ts';
import type { EmbeddingConfig } from '../types.ts';

export interface TextEncoderPart {
  readonly layers: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly embedding: EmbeddingConfig;
  /** From rows of the token embedding to the residual stream; default as they are. */
  readonly embed?: (build: GraphBuilder, rows: ValueId) => ValueId;
  /** Behind the last block; default nothing. */
  readonly finish?: (build: GraphBuilder, x: ValueId) => ValueId;
}

/** Squares below it are nothing: a vector of zeros stays one. */
const NO_LENGTH = 1e-24;

/**
 * Token embedding, blocks, and one vector of unit length for every text: inputs `tokens`, and what blocks ask for. The output is
 * [sequences, width]. Segments: embedding, every block, pooling with what stands behind it.
 * @param block the block's output from its input, both the residual stream [tokens, hidden]
 */
export function textEncoder(
  part: TextEncoderPart,
  block: (build: GraphBuilder, x: ValueId, layer: number) => ValueId,
): Graph {
  const { layers, hidden, vocabulary, embedding } = part;
  const build = new GraphBuilder();
  const tokens = build.input('tokens', 'i32', [{ of: 'tokens', times: 1 }]);
  const rows = build.node('lookup', [tokens, build.weight('token_embd.weight', [vocabulary, hidden])]);
  let x = part.embed?.(build, rows) ?? rows;
  for (let layer = 0; layer < layers; layer++) {
    build.cut();
    x = block(build, x, layer);
  }
  build.cut();
  const pooled = pool(build, part.finish?.(build, x) ?? x, embedding.pooling);
  const { dense = [] } = embedding;
  const made = dense.reduce(
    (y, { tensor, rows: height, columns }) => build.node('linear', [y, build.weight(tensor, [height, columns])]),
    pooled,
  );
  return build.finish([unitLength(build, made, dense.at(-1)?.rows ?? hidden)]);
}

function pool(build: GraphBuilder, x: ValueId, pooling: EmbeddingConfig['pooling']): ValueId {
  if (pooling === 'mean') return build.node('meanRows', [x]);
  return build.node('endRows', [x], { end: pooling === 'cls' ? 'first' : 'last' });
}

/** x / |x|: of `width` numbers the root of their mean square is their length over √width. */
function unitLength(build: GraphBuilder, x: ValueId, width: number): ValueId {
  const gain = build.constant({ kind: 'fill', value: 1 / Math.sqrt(width) }, [width]);
  return build.node('rmsNorm', [x, gain], { epsilon: NO_LENGTH });
}
