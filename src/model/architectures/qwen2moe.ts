import { FormatError } from '../../core/errors.ts';
import { readInteger } from '../config-fields.ts';
import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { ropePart } from '../rope.ts';
import { windowOf } from '../window.ts';
import { attentionLayers } from './biases.ts';
import type { Architecture, TensorName } from './types.ts';
import { qwenWindow } from './windows.ts';

const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}.weight`;
const router = (name: string): TensorName => ({ huggingFace: mlp(name), exact: true });

/** Qwen1.5-MoE and Qwen2-57B-A14B: Qwen2's attention, experts chosen by a softmax, and one that a sigmoid scales. */
export const qwen2moe: Architecture = {
  name: 'qwen2moe',
  huggingFace: [
    {
      modelType: 'qwen2_moe',
      names: ['Qwen2MoeForCausalLM', 'Qwen2MoeModel'],
      defaults: { contextLength: 32768, kvHeads: 16 },
      window: qwenWindow,
      read: (fields, _, subject) => {
        if (fields['norm_topk_prob'] === true)
          throw new FormatError(`${subject}: norm_topk_prob is true, which GGUF cannot say of qwen2moe`);
        const integer = (key: string): number => readInteger(fields, key, subject);
        if (fields['decoder_sparse_step'] !== undefined && fields['decoder_sparse_step'] !== 1)
          throw new FormatError(`${subject}: decoder_sparse_step is not 1: blocks without experts are not supported`);
        return {
          experts: {
            count: integer('num_experts'),
            used: integer('num_experts_per_tok'),
            feedForward: integer('moe_intermediate_size'),
            sharedFeedForward: integer('shared_expert_intermediate_size'),
          },
        };
      },
    },
  ],
  ropeStyle: 'halves',
  ropeFactors: false,
  names: {
    ...commonNames,
    ffn_gate_inp: router('gate'),
    ffn_gate_exps: mlp('experts.{expert}.gate_proj'),
    ffn_up_exps: mlp('experts.{expert}.up_proj'),
    ffn_down_exps: mlp('experts.{expert}.down_proj'),
    ffn_gate_inp_shexp: router('shared_expert_gate'),
    ffn_gate_shexp: mlp('shared_expert.gate_proj'),
    ffn_up_shexp: mlp('shared_expert.up_proj'),
    ffn_down_shexp: mlp('shared_expert.down_proj'),
  },
  graph: (config) => {
    const { hidden, normEpsilon: epsilon } = config;
    const mixture = config.experts!;
    const attention = { ...config, rope: ropePart(config.rope), biases: attentionLayers.slice(0, 3) };
    const part = { ...mixture, hidden, normalize: false, activation: 'silu' } as const;
    const shared = { feedForward: mixture.sharedFeedForward!, gated: true };
    return causalModel(config, (build, x, layer) => {
      const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
      const mid = preNormed(build, x, norm('attn_norm'), (normed) =>
        selfAttention(build, normed, { ...attention, layer, window: windowOf(config, layer) }),
      );
      return preNormed(build, mid, norm('ffn_norm'), (normed) => experts(build, normed, { ...part, layer, shared }));
    });
  },
  readGguf: (keys) => {
    const feedForward = keys.integer('expert_feed_forward_length');
    return {
      experts: {
        count: keys.integer('expert_count'),
        used: keys.integer('expert_used_count'),
        feedForward,
        sharedFeedForward: keys.integer('expert_shared_feed_forward_length', keys.integer('feed_forward_length')),
      },
    };
  },
  metadata: function* ({ experts: mixture }) {
    const { count, used, feedForward, sharedFeedForward } = mixture!;
    yield ['expert_count', { type: 'uint32', value: count }];
    yield ['expert_used_count', { type: 'uint32', value: used }];
    yield ['expert_feed_forward_length', { type: 'uint32', value: feedForward }];
    yield ['expert_shared_feed_forward_length', { type: 'uint32', value: sharedFeedForward! }];
  },
};
