import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { sandwiched } from '../parts/causalModel.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { ropePart } from '../rope.ts';
import { slidingRope } from '../rope-huggingface.ts';
import type { AttentionWindow, ModelConfig } from '../types.ts';
import type { Architecture, ConfigFields, HuggingFaceClass, TensorName, TensorNames } from './types.ts';

/* What generations of Gemma share: two of decoders, and an encoder made of the third. */

/** Every sixth block sees everything, the others a window. */
export const PATTERN = 6;
/** RoPE base of blocks that slide. */
export const SLIDING_BASE = 10000;

/** Gains are stored as their distance from 1. */
const norm = (name: string): TensorName => ({ huggingFace: `model.layers.{layer}.${name}.weight`, addend: 1 });

export const gemmaNames: TensorNames = {
  ...commonNames,
  output_norm: { huggingFace: 'model.norm.weight', addend: 1 },
  attn_norm: norm('input_layernorm'),
  attn_q_norm: norm('self_attn.q_norm'),
  attn_k_norm: norm('self_attn.k_norm'),
  post_attention_norm: norm('post_attention_layernorm'),
  ffn_norm: norm('pre_feedforward_layernorm'),
  post_ffw_norm: norm('post_feedforward_layernorm'),
};

function windowOfFields(fields: ConfigFields, layers: number): AttentionWindow {
  const { layer_types: types, sliding_window: tokens = 4096, sliding_window_pattern: pattern = PATTERN } = fields;
  const slides = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : (layer + 1) % Number(pattern) !== 0;
  return { tokens: Number(tokens), layers: Array.from({ length: layers }, (_, layer) => slides(layer)) };
}

/** What their config.json says in the same way. */
export function gemmaClass(architecture: () => Architecture) {
  return {
    modelType: 'gemma3_text',
    defaults: { contextLength: 131072, kvHeads: 4, headDim: 256, ropeBase: 1e6 },
    activations: ['gelu_pytorch_tanh'],
    window: windowOfFields,
    read: (fields, { headDim }, subject) => ({
      slidingRope: slidingRope(fields, architecture(), { headDim, base: SLIDING_BASE }, subject),
      attentionScale: 1 / Math.sqrt(Number(fields['query_pre_attn_scalar'] ?? 256)),
    }),
  } satisfies Omit<HuggingFaceClass, 'names'>;
}

/** Whether a model looks to both sides: then it is an encoder. */
export const isBidirectional = (fields: ConfigFields): boolean => fields['use_bidirectional_attention'] === true;

/** How generations differ. */
export interface GemmaTraits {
  readonly causal: boolean;
  /** Keys that a block's queries see, undefined for all. */
  readonly windowOf: (layer: number) => number | undefined;
  /** Queries and keys are normed; default yes. */
  readonly qkNorm?: boolean;
}

/** A block with norms on both sides of each branch, and GELU gates. */
export function gemmaBlock(config: ModelConfig, { causal, windowOf, qkNorm = true }: GemmaTraits) {
  const ropes = { full: ropePart(config.rope), sliding: ropePart(config.slidingRope ?? config.rope) };
  return (build: GraphBuilder, x: ValueId, layer: number): ValueId => {
    const rope = config.window?.layers[layer] ? ropes.sliding : ropes.full;
    const window = windowOf(layer);
    const attention = {
      ...{ ...config, layer, rope, window, causal, scale: config.attentionScale },
      ...{ softcap: config.softcaps?.attention, qkNorm: qkNorm ? ('heads' as const) : undefined },
    };
    const between = (before: string, after: string) => ({ ...config, layer, before, after });
    const mid = sandwiched(build, x, between('attn_norm', 'post_attention_norm'), (normed) =>
      selfAttention(build, normed, attention),
    );
    return sandwiched(build, mid, between('ffn_norm', 'post_ffw_norm'), (normed) =>
      gatedMlp(build, normed, { ...config, layer, activation: 'gelu' }),
    );
  };
}

/** Keys of GGUF that both write. */
export function* gemmaKeys({
  headDim,
  slidingRope: sliding,
}: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  yield ['attention.key_length', { type: 'uint32', value: headDim }];
  yield ['attention.value_length', { type: 'uint32', value: headDim }];
  if (sliding) yield ['rope.freq_base_swa', { type: 'float32', value: sliding.theta }];
}
