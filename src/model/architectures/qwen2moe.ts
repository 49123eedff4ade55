import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { familyGraph } from './family.ts';
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
      read: (fields, config, subject) => {
        const experts = expertsFromHuggingFace(fields, config, subject, { sharedGate: true });
        if (experts.normalize)
          throw new FormatError(`${subject}: norm_topk_prob is true, which GGUF cannot say of qwen2moe`);
        if (experts.layers !== undefined)
          throw new FormatError(`${subject}: GGUF cannot say that blocks of qwen2moe have no experts`);
        return { experts };
      },
    },
  ],
  ropeStyle: 'halves',
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
  graph: (config) => familyGraph(config, { biases: ['attn_q', 'attn_k', 'attn_v'] }),
  readGguf: (keys, config) => ({
    experts: expertsFromGguf(keys, config, { sharedGate: true, sharedFeedForward: config.feedForward }),
  }),
  metadata: (config) => expertsMetadata(config, { shared: 'width' }),
};
