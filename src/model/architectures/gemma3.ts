import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, sandwiched } from '../parts/causalModel.ts';
import { slidingRope } from '../rope-huggingface.ts';
import type { AttentionWindow, ModelConfig } from '../types.ts';
import { blockParts } from './family.ts';
import type { Architecture, ConfigFields, HuggingFaceClass, TensorName } from './types.ts';

/** Every sixth block sees everything, the others a window. */
const PATTERN = 6;
/** RoPE base of blocks that slide. */
const SLIDING_BASE = 10000;
/** Blocks of the one size whose scores are scaled by the residual stream's share of a head, not by the head's size. */
const LAYERS_OF_27B = 62;

/** Gains are stored as their distance from 1. */
const norm = (name: string): TensorName => ({ huggingFace: `model.layers.{layer}.${name}.weight`, addend: 1 });

function windowOfFields(fields: ConfigFields, layers: number): AttentionWindow {
  const { layer_types: types, sliding_window: tokens = 4096, sliding_window_pattern: pattern = PATTERN } = fields;
  const slides = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : (layer + 1) % Number(pattern) !== 0;
  return { tokens: Number(tokens), layers: Array.from({ length: layers }, (_, layer) => slides(layer)) };
}

const huggingFace: HuggingFaceClass = {
  modelType: 'gemma3_text',
  names: ['Gemma3ForCausalLM', 'Gemma3TextModel'],
  defaults: { contextLength: 131072, kvHeads: 4, headDim: 256, ropeBase: 1e6 },
  activations: ['gelu_pytorch_tanh'],
  window: windowOfFields,
  read: (fields, { headDim }, subject) => ({
    slidingRope: slidingRope(fields, gemma3, { headDim, base: SLIDING_BASE }, subject),
    attentionScale: 1 / Math.sqrt(Number(fields['query_pre_attn_scalar'] ?? 256)),
  }),
};

/** Gemma 3: norms before and after each branch, normed queries and keys, GELU gates, windows in five of six blocks. */
export const gemma3: Architecture = {
  name: 'gemma3',
  huggingFace: [huggingFace],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  ropeBase: 1e6,
  names: {
    ...commonNames,
    output_norm: { huggingFace: 'model.norm.weight', addend: 1 },
    attn_norm: norm('input_layernorm'),
    attn_q_norm: norm('self_attn.q_norm'),
    attn_k_norm: norm('self_attn.k_norm'),
    post_attention_norm: norm('post_attention_layernorm'),
    ffn_norm: norm('pre_feedforward_layernorm'),
    post_ffw_norm: norm('post_feedforward_layernorm'),
  },
  graph: (config) => {
    const part = { ...config, scales: { embedding: Math.sqrt(config.hidden) } };
    const { attention, feedForward } = blockParts(config, { qkNorm: 'heads', activation: 'gelu' });
    return causalModel(part, (build, x, layer) => {
      const between = (before: string, after: string) => ({ ...config, layer, before, after });
      const mid = sandwiched(build, x, between('attn_norm', 'post_attention_norm'), (normed) =>
        selfAttention(build, normed, attention(layer)),
      );
      return sandwiched(build, mid, between('ffn_norm', 'post_ffw_norm'), (normed) =>
        feedForward(build, normed, layer),
      );
    });
  },
  readGguf: (keys, { hidden, heads, headDim, layers, rope }) => ({
    slidingRope: { ...rope, theta: keys.number('rope.freq_base_swa', SLIDING_BASE), scaling: undefined },
    attentionScale: 1 / Math.sqrt(layers === LAYERS_OF_27B ? hidden / heads : headDim),
    window: windowFromGguf(
      keys.integer('attention.sliding_window'),
      keys.get('attention.sliding_window_pattern'),
      layers,
    ),
  }),
  metadata: (config) => metadataOf(config),
};

function windowFromGguf(tokens: number, pattern: unknown, layers: number): AttentionWindow {
  const every = typeof pattern === 'number' ? pattern : PATTERN;
  const slides = (layer: number): boolean =>
    Array.isArray(pattern) ? pattern[layer] === true : layer % every < every - 1;
  return { tokens, layers: Array.from({ length: layers }, (_, layer) => slides(layer)) };
}

function* metadataOf({
  headDim,
  slidingRope: sliding,
}: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  yield ['attention.key_length', { type: 'uint32', value: headDim }];
  yield ['attention.value_length', { type: 'uint32', value: headDim }];
  if (sliding) yield ['rope.freq_base_swa', { type: 'float32', value: sliding.theta }];
}
