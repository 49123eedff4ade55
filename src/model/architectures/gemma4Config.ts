import { FormatError } from '../../core/errors.ts';
import type { TypedMetadata } from '../../text/types.ts';
import { asObject, readInteger, readNumber } from '../config-fields.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import { slidingRope } from '../rope-huggingface.ts';
import type { BlocksConfig, ModelConfig, RopeConfig } from '../types.ts';
import type { ConfigFields, TensorShapes } from './types.ts';
import { windowFromGguf } from './windows.ts';

/* How blocks of one model differ, in config.json and in GGUF. */

/** Every sixth block sees everything. */
const PATTERN = 6;
/** RoPE base of blocks that slide. */
const SLIDING_BASE = 10000;
/** Share of the pairs that RoPE turns in blocks that see everything. */
const PROPORTION = 0.25;
/** What divides the frequencies of the others: so much that they do not turn. */
const STILL = Math.fround(1e30);

/** What `per_layer_config`, where newer versions write it, says of blocks that see everything. */
function fullBlocks(fields: ConfigFields): ConfigFields {
  const blocks = fields['per_layer_config'];
  const [first] = typeof blocks === 'object' && blocks !== null ? Object.values(blocks) : [];
  return typeof first === 'object' && first !== null ? (first as ConfigFields) : {};
}

const ropeOf = (fields: ConfigFields, kind: string): ConfigFields =>
  asObject(asObject(fields['rope_parameters'] ?? {}, 'rope_parameters')[kind] ?? {}, `rope_parameters.${kind}`);

/** Sizes of blocks that see everything under the usual names; those of sliding ones beside them. */
export function gemma4Fields(fields: ConfigFields): ConfigFields {
  const full = fullBlocks(fields);
  const kvHeads = fields['attention_k_eq_v'] === true ? fields['num_global_key_value_heads'] : undefined;
  const { rope_theta: theta = 1e6 } = ropeOf(fields, 'full_attention');
  return {
    sliding_head_dim: fields['head_dim'] ?? 256,
    sliding_key_value_heads: fields['num_key_value_heads'] ?? 4,
    head_dim: full['head_dim'] ?? fields['global_head_dim'] ?? 512,
    num_key_value_heads: full['num_key_value_heads'] ?? kvHeads ?? fields['num_key_value_heads'] ?? 4,
    rope_parameters: {
      full_attention: { rope_type: 'default', rope_theta: theta },
      sliding_attention: ropeOf(fields, 'sliding_attention'),
    },
    rope_proportion: ropeOf(fields, 'full_attention')['partial_rotary_factor'] ?? PROPORTION,
  };
}

/** Divisors of frequencies by which the first pairs turn alone. */
function proportional(rope: RopeConfig, share: number): RopeConfig {
  const pairs = rope.dimensions / 2;
  const turned = Math.trunc((share * rope.dimensions) / 2);
  return { ...rope, frequencyFactors: Float32Array.from({ length: pairs }, (_, i) => (i < turned ? 1 : STILL)) };
}

/** @throws FormatError */
export function gemma4FromHuggingFace(
  fields: ConfigFields,
  { layers, rope, feedForward }: ModelConfig,
  subject: string,
): Partial<ModelConfig> {
  const integer = (key: string, fallback?: number): number => readInteger(fields, key, subject, fallback);
  if (fields['use_bidirectional_attention'] === 'all')
    throw new FormatError(`${subject}: use_bidirectional_attention is all, which is not supported`);
  const types = fields['layer_types'];
  const isSliding = (layer: number): boolean =>
    layer < layers - 1 && (Array.isArray(types) ? types[layer] === 'sliding_attention' : (layer + 1) % PATTERN !== 0);
  const headDim = integer('sliding_head_dim');
  const sharing = Number(fields['num_kv_shared_layers'] ?? 0);
  const width = fields['hidden_size_per_layer_input'] ?? 256;
  const doubled = fields['use_double_wide_mlp'] === true && sharing > 0;
  const softcap = fields['final_logit_softcapping'];
  return {
    rope: proportional(rope, Number(fields['rope_proportion'])),
    slidingRope: slidingRope(fields, { ropeStyle: 'halves' }, { headDim, base: SLIDING_BASE }, subject),
    slidingHeads: { headDim, kvHeads: integer('sliding_key_value_heads') },
    window: { tokens: integer('sliding_window', 512), layers: Array.from({ length: layers }, (_, i) => isSliding(i)) },
    ...(softcap == null
      ? {}
      : { softcaps: { logits: Math.fround(readNumber(fields, 'final_logit_softcapping', subject)) } }),
    blocks: {
      sharing,
      outputScale: true,
      keysAreValues: fields['attention_k_eq_v'] === true,
      ...(Number(width) > 0 ? { inputs: Number(width) } : {}),
      ...(doubled && {
        feedForward: Array.from({ length: layers }, (_, i) => feedForward * (i < layers - sharing ? 1 : 2)),
      }),
    },
  };
}

/** @throws FormatError */
export function gemma4FromGguf(
  keys: GgufKeys,
  { layers, rope, kvHeads }: ModelConfig,
  tensors: TensorShapes,
): Partial<ModelConfig> {
  const window = windowFromGguf(keys, layers, (layer, every = PATTERN) => layer % every < every - 1);
  if (window === undefined)
    throw new FormatError('GGUF: attention.sliding_window is missing, expected the tokens that sliding blocks see');
  const full = window.layers.indexOf(false);
  const headDim = keys.integer('attention.key_length_swa');
  const ofBlocks = keys.perLayer('attention.head_count_kv', layers);
  const widths = keys.perLayer('feed_forward_length', layers);
  const inputs = Number(keys.get('embedding_length_per_layer_input') ?? 0);
  const softcap = keys.get('final_logit_softcapping');
  const sliding = window.layers.indexOf(true);
  return {
    slidingRope: {
      ...{ theta: keys.number('rope.freq_base_swa', SLIDING_BASE), style: rope.style },
      dimensions: keys.integer('rope.dimension_count_swa', headDim),
    },
    slidingHeads: { headDim, kvHeads: ofBlocks?.[Math.max(0, sliding)] ?? kvHeads },
    window,
    ...(typeof softcap === 'number' ? { softcaps: { logits: softcap } } : {}),
    blocks: {
      sharing: Number(keys.get('attention.shared_kv_layers') ?? 0),
      outputScale: tensors.has('blk.0.layer_output_scale.weight'),
      keysAreValues: full >= 0 && !tensors.has(`blk.${full}.attn_v.weight`),
      ...(inputs > 0 ? { inputs } : {}),
      ...(widths?.some((width) => width !== widths[0]) ? { feedForward: widths } : {}),
    },
  };
}

/** What GGUF says of blocks, as llama.cpp's converter writes it. Keys without `NAME.`. */
export function* gemma4Keys(config: ModelConfig): Generator<readonly [string, TypedMetadata]> {
  const { headDim, kvHeads, layers, slidingHeads, slidingRope, window, softcaps } = config;
  const { sharing = 0, inputs = 0, feedForward } = config.blocks as BlocksConfig;
  const uint = (key: string, value: number) => [key, { type: 'uint32', value }] as const;
  const each = (key: string, value: readonly number[]) => [key, { type: 'array:int32', value }] as const;
  const { headDim: sliding, kvHeads: slidingKvHeads } = slidingHeads!;
  yield uint('attention.shared_kv_layers', sharing);
  yield uint('embedding_length_per_layer_input', inputs);
  yield ['attention.sliding_window_pattern', { type: 'array:bool', value: window!.layers }];
  yield uint('attention.key_length', headDim);
  yield uint('attention.value_length', headDim);
  yield uint('attention.key_length_swa', sliding);
  yield uint('attention.value_length_swa', sliding);
  if (feedForward !== undefined) yield each('feed_forward_length', feedForward);
  if (slidingKvHeads !== kvHeads) {
    const counts = Array.from({ length: layers }, (_, i) => (window!.layers[i] ? slidingKvHeads : kvHeads));
    yield each('attention.head_count_kv', counts);
  }
  yield uint('rope.dimension_count_swa', slidingRope!.dimensions);
  yield ['rope.freq_base_swa', { type: 'float32', value: slidingRope!.theta }];
  if (softcaps?.logits !== undefined) yield ['final_logit_softcapping', { type: 'float32', value: softcaps.logits }];
}
