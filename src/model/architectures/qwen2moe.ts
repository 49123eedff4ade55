import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { expertNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';
import { qwenWindow } from './windows.ts';

const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}.weight`;

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
    ...expertNames,
    ffn_gate_inp_shexp: { huggingFace: mlp('shared_expert_gate'), exact: true },
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
