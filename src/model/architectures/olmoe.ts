import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { expertNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';

/** OLMoE: queries and keys normed over all heads together, experts by a softmax that is not normalized. */
export const olmoe: Architecture = {
  name: 'olmoe',
  huggingFace: [
    {
      modelType: 'olmoe',
      names: ['OlmoeForCausalLM', 'OlmoeModel'],
      defaults: { contextLength: 4096, normEpsilon: 1e-5, feedForward: 2048 },
      read: (fields, config, subject) => {
        const experts = expertsFromHuggingFace(fields, config, subject, { count: 64, used: 8 });
        if (experts.normalize)
          throw new FormatError(`${subject}: norm_topk_prob is true, which GGUF cannot say of olmoe`);
        if (fields['clip_qkv'] != null)
          throw new FormatError(
            `${subject}: clip_qkv is ${String(fields['clip_qkv'])}, which GGUF cannot say of olmoe`,
          );
        return { experts };
      },
    },
  ],
  ropeStyle: 'halves',
  names: { ...commonNames, ...expertNames },
  graph: (config) => familyGraph(config, { qkNorm: 'rows' }),
  readGguf: (keys, config) => ({ experts: expertsFromGguf(keys, config) }),
  metadata: (config) => expertsMetadata(config, { feedForward: false }),
};
