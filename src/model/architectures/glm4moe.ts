import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { expertNames } from './expertNames.ts';
import { blockParts } from './family.ts';
import type { Architecture, TensorName } from './types.ts';

const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}`;
const exact = (name: string): TensorName => ({ huggingFace: mlp(name), exact: true });

/** Experts by sigmoids, chosen with a bias; the first blocks are dense. */
const traits = { gating: 'sigmoid', selectionBias: true } as const;

/** GLM-4.5 to 4.7: RoPE on half of each head, biases on q, k and v, norms of q and k in the largest, experts and a shared one. */
export const glm4moe: Architecture = {
  name: 'glm4moe',
  huggingFace: [
    {
      modelType: 'glm4_moe',
      names: ['Glm4MoeForCausalLM', 'Glm4MoeModel'],
      defaults: { contextLength: 131072, kvHeads: 8, normEpsilon: 1e-5, ropePartial: 0.5 },
      biasFields: { attention_bias: ['attn_q', 'attn_k', 'attn_v'] },
      canonical: ({ first_k_dense_replace: dense = 1 }) => ({ first_k_dense_replace: dense }),
      read: (fields, config, subject) => ({
        ...(fields['use_qk_norm'] === true ? { qkNorm: 'heads' } : {}),
        experts: expertsFromHuggingFace(fields, config, subject, {
          ...traits,
          ...{ count: 128, used: 8, normalize: true },
          sharedFeedForward: Number(fields['moe_intermediate_size']),
        }),
      }),
    },
  ],
  ropeStyle: 'halves',
  names: {
    ...commonNames,
    ...expertNames,
    post_attention_norm: 'model.layers.{layer}.post_attention_layernorm.weight',
    'exp_probs_b.bias': exact('gate.e_score_correction_bias'),
    ffn_gate_shexp: mlp('shared_experts.gate_proj.weight'),
    ffn_up_shexp: mlp('shared_experts.up_proj.weight'),
    ffn_down_shexp: mlp('shared_experts.down_proj.weight'),
  },
  graph: (config) => {
    const { hidden, normEpsilon: epsilon } = config;
    const { attention, feedForward } = blockParts(config, { qkNorm: config.qkNorm });
    return causalModel(config, (build, x, layer) => {
      const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
      const mid = preNormed(build, x, norm('attn_norm'), (normed) => selfAttention(build, normed, attention(layer)));
      return preNormed(build, mid, norm('post_attention_norm'), (normed) => feedForward(build, normed, layer));
    });
  },
  readGguf: (keys, config, tensors) => ({
    ...(tensors.has('blk.0.attn_q_norm.weight') ? { qkNorm: 'heads' } : {}),
    experts: expertsFromGguf(keys, config, traits),
  }),
  metadata: function* (config) {
    yield* expertsMetadata(config, { shared: 'count', router: true });
  },
};
