import { positionsOf, selfAttention } from '../parts/attention.ts';
import { causalModel } from '../parts/causalModel.ts';
import { layerNorm } from '../parts/layerNorm.ts';
import { plainMlp } from '../parts/plainMlp.ts';
import { feedForwardLayers } from './biases.ts';
import { withBias } from './encoder.ts';
import type { Architecture, TensorName } from './types.ts';

const block = (name: string): string => `model.h.{layer}.${name}`;

/** A matrix that is stored as its transpose, and its bias. */
function turned(key: string, name: string): Record<string, TensorName | string> {
  return { [key]: { huggingFace: block(`${name}.weight`), transposed: true }, [`${key}.bias`]: block(`${name}.bias`) };
}

/** GPT-2, the plainest decoder: learned positions, norms with biases before each branch, a fused matrix, GELU. */
export const gpt2: Architecture = {
  name: 'gpt2',
  huggingFace: [
    {
      modelType: 'gpt2',
      names: ['GPT2LMHeadModel', 'GPT2Model'],
      defaults: { contextLength: 1024, normEpsilon: 1e-5 },
      activations: ['gelu_new', 'gelu_pytorch_tanh'],
      canonical: (fields) => ({
        hidden_size: fields['n_embd'],
        num_attention_heads: fields['n_head'],
        num_hidden_layers: fields['n_layer'],
        intermediate_size: fields['n_inner'] ?? 4 * Number(fields['n_embd']),
        max_position_embeddings: fields['n_positions'] ?? fields['n_ctx'],
        rms_norm_eps: fields['layer_norm_epsilon'],
        hidden_act: fields['activation_function'],
      }),
    },
  ],
  ropeStyle: 'halves',
  learnedPositions: true,
  layerNorm: true,
  anchor: 'h.0.ln_1.weight',
  unread: /h\.\d+\.attn\.(?:masked_)?bias$/,
  names: {
    token_embd: 'model.wte.weight',
    position_embd: { huggingFace: 'model.wpe.weight', exact: true },
    output: 'lm_head.weight',
    ...withBias('output_norm', 'model.ln_f'),
    ...withBias('attn_norm', block('ln_1')),
    ...turned('attn_qkv', 'attn.c_attn'),
    ...turned('attn_output', 'attn.c_proj'),
    ...withBias('ffn_norm', block('ln_2')),
    ...turned('ffn_up', 'mlp.c_fc'),
    ...turned('ffn_down', 'mlp.c_proj'),
  },
  graph: (config) => {
    const { hidden, contextLength, normEpsilon: epsilon } = config;
    const attention = {
      ...config,
      rope: undefined,
      window: undefined,
      fused: true,
      biases: ['attn_qkv', 'attn_output'],
    };
    const part = {
      ...config,
      layerNorm: true,
      embed: (build, rows) => {
        const table = build.weight('position_embd.weight', [contextLength, hidden]);
        return build.node('add', [rows, build.node('lookup', [positionsOf(build), table])]);
      },
    } satisfies Parameters<typeof causalModel>[0];
    return causalModel(part, (build, x, layer) => {
      const norm = (name: string) => ({ name: `blk.${layer}.${name}`, hidden, epsilon });
      const attended = selfAttention(build, layerNorm(build, x, norm('attn_norm')), { ...attention, layer });
      const mid = build.node('add', [attended, x]);
      const inner = layerNorm(build, mid, norm('ffn_norm'));
      return build.node('add', [
        plainMlp(build, inner, { ...config, layer, activation: 'gelu', biases: feedForwardLayers }),
        mid,
      ]);
    });
  },
};
