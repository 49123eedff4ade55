import { FormatError } from '../../core/errors.ts';
import { USUAL_POOLING } from '../embedding.ts';
import { selfAttention } from '../parts/attention.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { layerNorm } from '../parts/layerNorm.ts';
import { textEncoder } from '../parts/textEncoder.ts';
import { ropePart } from '../rope.ts';
import { slidingRope } from '../rope-huggingface.ts';
import type { AttentionWindow } from '../types.ts';
import { symmetricWindow } from '../window.ts';
import { encoderFromGguf } from './encoder.ts';
import type { Architecture, ConfigFields, HuggingFaceClass } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** Every third block sees everything, the first among them; the others a window. */
const PATTERN = 3;
/** RoPE bases of blocks that see everything, and of those that slide. */
const [BASE, SLIDING_BASE] = [160000, 10000];

const layer = (name: string): string => `model.layers.{layer}.${name}.weight`;

function windowOfFields(fields: ConfigFields, layers: number): AttentionWindow {
  const { layer_types: types, local_attention: tokens = 128, global_attn_every_n_layers: every = PATTERN } = fields;
  const slides = (index: number): boolean =>
    Array.isArray(types) ? types[index] === 'sliding_attention' : index % Number(every) !== 0;
  return { tokens: Number(tokens), layers: Array.from({ length: layers }, (_, index) => slides(index)) };
}

const huggingFace: HuggingFaceClass = {
  modelType: 'modernbert',
  names: ['ModernBertModel', 'ModernBertForMaskedLM'],
  defaults: { contextLength: 8192, normEpsilon: 1e-5, ropeBase: BASE },
  activations: ['gelu'],
  canonical: (fields) => ({
    rms_norm_eps: fields['norm_eps'],
    rope_theta: fields['global_rope_theta'],
    rope_local_base_freq: fields['local_rope_theta'],
  }),
  window: windowOfFields,
  read: (fields, { headDim }, subject) => {
    const biased = ['norm_bias', 'attention_bias', 'mlp_bias'].find((key) => fields[key] === true);
    if (biased) throw new FormatError(`${subject}: ${biased} is true, which GGUF cannot say of ${modernBert.name}`);
    return {
      slidingRope: slidingRope(fields, modernBert, { headDim, base: SLIDING_BASE }, subject),
      embedding: { pooling: USUAL_POOLING },
    };
  },
};

/** ModernBERT: norms before each branch and without biases, GELU gates, windows to both sides in two of three blocks. */
export const modernBert: Architecture = {
  name: 'modern-bert',
  huggingFace: [huggingFace],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  ropeBase: BASE,
  layerNorm: true,
  anchor: 'layers.0.mlp_norm.weight',
  unread: /(?:^|\.)(?:head\.(?:dense|norm)|decoder|classifier)\./,
  names: {
    token_embd: 'model.embeddings.tok_embeddings.weight',
    token_embd_norm: 'model.embeddings.norm.weight',
    output_norm: 'model.final_norm.weight',
    attn_norm: layer('attn_norm'),
    attn_qkv: layer('attn.Wqkv'),
    attn_output: layer('attn.Wo'),
    ffn_norm: layer('mlp_norm'),
    ffn_up: layer('mlp.Wi'),
    ffn_down: layer('mlp.Wo'),
  },
  graph: (config) => {
    const { hidden, normEpsilon: epsilon, window } = config;
    const ropes = { full: ropePart(config.rope), sliding: ropePart(config.slidingRope ?? config.rope) };
    const norm = (name: string) => ({ name, hidden, epsilon, bias: false });
    const part = {
      ...config,
      embedding: config.embedding!,
      embed: (build, rows) => layerNorm(build, rows, norm('token_embd_norm')),
      finish: (build, x) => layerNorm(build, x, norm('output_norm')),
    } satisfies Parameters<typeof textEncoder>[0];
    return textEncoder(part, (build, x, index) => {
      const slides = window?.layers[index] === true;
      const reach = slides ? symmetricWindow(window) : undefined;
      const rope = slides ? ropes.sliding : ropes.full;
      const attention = { ...config, layer: index, rope, window: reach, causal: false, fused: true };
      // The embedding's own norm stands before the first block.
      const normed = index === 0 ? x : layerNorm(build, x, norm(`blk.${index}.attn_norm`));
      const mid = build.node('add', [selfAttention(build, normed, attention), x]);
      const inner = layerNorm(build, mid, norm(`blk.${index}.ffn_norm`));
      return build.node('add', [
        gatedMlp(build, inner, { ...config, layer: index, activation: 'geluErf', fused: true }),
        mid,
      ]);
    });
  },
  readGguf: (keys, { layers, rope }, tensors) => ({
    ...encoderFromGguf(keys, tensors),
    slidingRope: { ...rope, theta: keys.number('rope.freq_base_swa', SLIDING_BASE), scaling: undefined },
    window: windowFromGguf(keys, layers, (index, every = PATTERN) => index % every !== 0),
  }),
  metadata: function* ({ slidingRope: sliding }) {
    if (sliding) yield ['rope.freq_base_swa', { type: 'float32', value: sliding.theta }];
  },
};
