import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, sandwiched } from '../parts/causalModel.ts';
import { blockParts } from './family.ts';
import type { Architecture, TensorNames } from './types.ts';

const norm = (name: string): string => `model.layers.{layer}.${name}.weight`;

const names: TensorNames = {
  ...commonNames,
  post_attention_norm: norm('post_self_attn_layernorm'),
  ffn_norm: norm('post_attention_layernorm'),
  ffn_up: norm('mlp.gate_up_proj'),
  post_ffw_norm: norm('post_mlp_layernorm'),
};

/** GLM-4 0414: norms on both sides of each branch, RoPE on half of each head, biases on q, k and v, gate and up in one matrix. */
export const glm4: Architecture = {
  name: 'glm4',
  huggingFace: [
    {
      modelType: 'glm4',
      names: ['Glm4ForCausalLM', 'Glm4Model'],
      defaults: { contextLength: 131072, kvHeads: 2, headDim: 128, normEpsilon: 1.5625e-7, ropePartial: 0.5 },
      canonical: (fields) => ({ attention_bias: fields['attention_bias'] ?? true }),
      biasFields: { attention_bias: ['attn_q', 'attn_k', 'attn_v'] },
    },
  ],
  // Pairs are neighbours in Hugging Face too.
  ropeStyle: 'interleaved',
  names,
  graph: (config) => {
    const { attention, feedForward } = blockParts(config, { fused: { mlp: true } });
    return causalModel(config, (build, x, layer) => {
      const between = (before: string, after: string) => ({ ...config, layer, before, after });
      const mid = sandwiched(build, x, between('attn_norm', 'post_attention_norm'), (normed) =>
        selfAttention(build, normed, attention(layer)),
      );
      return sandwiched(build, mid, between('ffn_norm', 'post_ffw_norm'), (normed) =>
        feedForward(build, normed, layer),
      );
    });
  },
};
