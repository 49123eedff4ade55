import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import { poolingFromGguf } from '../embedding.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import { layerNorm } from '../parts/layerNorm.ts';
import type { EmbeddingConfig, ModelConfig } from '../types.ts';
import type { TensorName, TensorShapes } from './types.ts';

/** A table that is looked up as it is: llama-quantize leaves it alone. */
export const exactTable = (huggingFace: string): TensorName => ({ huggingFace, exact: true });

/** Names of a layer's weight and bias. */
export function withBias(key: string, huggingFace: string): Record<string, string> {
  return { [key]: `${huggingFace}.weight`, [`${key}.bias`]: `${huggingFace}.bias` };
}

/** Pooling of a GGUF file, and its token types, which the table of them tells. */
export function encoderFromGguf(keys: GgufKeys, tensors: TensorShapes): { embedding: EmbeddingConfig } {
  const tokenTypes = tensors.get('token_types.weight')?.shape[0];
  return { embedding: { pooling: poolingFromGguf(keys), ...(tokenTypes === undefined ? {} : { tokenTypes }) } };
}

/** Rows of the token embedding and of the first token type, with learned positions where there are such, normed. */
export function bertEmbedding({ hidden, embedding, contextLength, normEpsilon }: ModelConfig, learned: boolean) {
  return (build: GraphBuilder, rows: ValueId): ValueId => {
    let x = rows;
    const { tokenTypes = 0 } = embedding!;
    const add = (input: string, tensor: string, count: number): void => {
      const ids = build.input(input, 'i32', [{ of: 'tokens', times: 1 }]);
      x = build.node('add', [x, build.node('lookup', [ids, build.weight(tensor, [count, hidden])])]);
    };
    if (tokenTypes > 0) add('types', 'token_types.weight', tokenTypes);
    if (learned) add('positions', 'position_embd.weight', contextLength);
    return layerNorm(build, x, { name: 'token_embd_norm', hidden, epsilon: normEpsilon });
  };
}

/** norm(x + attend(x)), then norm(y + forward(y)): norms stand behind the sums. */
export function postNormed(
  build: GraphBuilder,
  x: ValueId,
  { layer, hidden, normEpsilon: epsilon }: { layer: number } & ModelConfig,
  attend: (x: ValueId) => ValueId,
  forward: (x: ValueId) => ValueId,
): ValueId {
  const norm = (rows: ValueId, name: string): ValueId =>
    layerNorm(build, rows, { name: `blk.${layer}.${name}`, hidden, epsilon });
  const mid = norm(build.node('add', [attend(x), x]), 'attn_output_norm');
  return norm(build.node('add', [forward(mid), mid]), 'layer_output_norm');
}
