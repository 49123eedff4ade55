import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { expertNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';
import { qwenWindow } from './windows.ts';

/** Qwen3's mixtures: normed queries and keys, experts whose weights sum to 1 in every block. */
export const qwen3moe: Architecture = {
  name: 'qwen3moe',
  huggingFace: [
    {
      modelType: 'qwen3_moe',
      names: ['Qwen3MoeForCausalLM', 'Qwen3MoeModel'],
      defaults: { contextLength: 32768, kvHeads: 4 },
      window: qwenWindow,
      read: (fields, config, subject) => {
        const experts = expertsFromHuggingFace(fields, config, subject, { count: 128, used: 8 });
        if (!experts.normalize)
          throw new FormatError(`${subject}: norm_topk_prob is not true, which GGUF cannot say of qwen3moe`);
        if (experts.layers !== undefined)
          throw new FormatError(`${subject}: GGUF cannot say that blocks of qwen3moe have no experts`);
        return { experts };
      },
    },
  ],
  ropeStyle: 'halves',
  names: { ...commonNames, ...expertNames },
  graph: (config) => familyGraph(config, { qkNorm: 'heads' }),
  readGguf: (keys, config) => {
    // Where no key names it, as llama.cpp has it: the dense width is shared by a token's experts.
    const used = Number(keys.get('expert_used_count') ?? 1);
    return { experts: expertsFromGguf(keys, config, { normalize: true, feedForward: config.feedForward / used }) };
  },
  metadata: (config) => expertsMetadata(config),
};
