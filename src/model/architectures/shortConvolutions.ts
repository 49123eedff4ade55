import { FormatError } from '../../core/errors.ts';
import type { Graph } from '../../graph/types.ts';
import type { TypedMetadata } from '../../text/types.ts';
import { readInteger } from '../config-fields.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { shortConvolution } from '../parts/shortConvolution.ts';
import { ropePart } from '../rope.ts';
import type { ModelConfig, RecurrentConfig } from '../types.ts';
import { windowOf } from '../window.ts';
import type { ConfigFields, TensorNames } from './types.ts';

/* What Liquid's models have in common, whatever their feed-forward parts are. */

const inBlock = (name: string): string => `model.layers.{layer}.${name}.weight`;

export const shortConvolutionNames: TensorNames = {
  token_embd_norm: 'model.embedding_norm.weight',
  attn_norm: inBlock('operator_norm'),
  attn_q_norm: inBlock('self_attn.q_layernorm'),
  attn_k_norm: inBlock('self_attn.k_layernorm'),
  attn_output: inBlock('self_attn.out_proj'),
  'shortconv.in_proj': inBlock('conv.in_proj'),
  'shortconv.conv': { huggingFace: inBlock('conv.conv'), exact: true },
  'shortconv.out_proj': inBlock('conv.out_proj'),
  ffn_norm: inBlock('ffn_norm'),
  ffn_gate: inBlock('feed_forward.w1'),
  ffn_up: inBlock('feed_forward.w3'),
  ffn_down: inBlock('feed_forward.w2'),
};

/** Short convolutions in most blocks, normed queries and keys in the others; experts, where a block has them. */
export function shortConvolutionGraph(config: ModelConfig): Graph {
  const { hidden, normEpsilon: epsilon, recurrent, experts: mixture } = config;
  const { layers, taps } = recurrent!;
  const rope = ropePart(config.rope);
  return causalModel({ ...config, outputNorm: 'token_embd_norm' }, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
    const mid = preNormed(build, x, norm('attn_norm'), (normed) =>
      layers[layer]
        ? shortConvolution(build, normed, { layer, hidden, taps })
        : selfAttention(build, normed, { ...config, layer, rope, window: windowOf(config, layer), qkNorm: 'heads' }),
    );
    return preNormed(build, mid, norm('ffn_norm'), (normed) =>
      mixture !== undefined && (mixture.layers?.[layer] ?? true)
        ? experts(build, normed, { ...mixture, layer, hidden, activation: 'silu' })
        : gatedMlp(build, normed, { ...config, layer, activation: 'silu' }),
    );
  });
}

/** Fields under the names that most classes use. */
export function shortConvolutionFields(fields: ConfigFields): ConfigFields {
  const { norm_eps: epsilon, theta } = fields;
  return {
    tie_word_embeddings: fields['tie_embedding'] ?? fields['tie_word_embeddings'] ?? true,
    ...(epsilon === undefined ? {} : { rms_norm_eps: epsilon }),
    ...(theta === undefined ? {} : { rope_theta: theta }),
  };
}

/** Blocks that `layer_types` calls convolutions, or all that `full_attn_idxs` does not list. */
export function shortConvolutionsOf(fields: ConfigFields, layers: number, subject: string): RecurrentConfig {
  const { layer_types: types, full_attn_idxs: attending } = fields;
  const isConvolution = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'conv' : Array.isArray(attending) && !attending.includes(layer);
  return {
    layers: Array.from({ length: layers }, (_, layer) => isConvolution(layer)),
    taps: readInteger(fields, 'conv_L_cache', subject, 3),
  };
}

/** Convolutions stand where there are no heads of keys. */
export function readShortConvolutions(keys: GgufKeys, { layers }: ModelConfig): { recurrent: RecurrentConfig } {
  const kvHeads = keys.perLayer('attention.head_count_kv', layers);
  if (kvHeads === undefined) throw new FormatError('GGUF: attention.head_count_kv is missing, expected one per block');
  return { recurrent: { layers: kvHeads.map((count) => count === 0), taps: keys.integer('shortconv.l_cache') } };
}

export function* shortConvolutionMetadata(config: ModelConfig): Iterable<readonly [string, TypedMetadata]> {
  yield* cachelessMetadata(config);
  yield ['shortconv.l_cache', { type: 'uint32', value: config.recurrent!.taps }];
}

/** Heads of keys by block, none where it keeps a state. */
export function* cachelessMetadata({ recurrent, kvHeads }: ModelConfig): Iterable<readonly [string, TypedMetadata]> {
  const value = recurrent!.layers.map((isRecurrent) => (isRecurrent ? 0 : kvHeads));
  yield ['attention.head_count_kv', { type: 'array:int32', value }];
}
