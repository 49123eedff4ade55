import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { attentionLayers, feedForwardLayers } from './biases.ts';
import { blockSparseNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture } from './types.ts';
import { mistralWindow } from './windows.ts';

/** Weights of a token's experts sum to 1. */
const mixture = { normalize: true };

/** Llama 2 and 3, Mistral, Mixtral, SmolLM2 and everything else that uses their code. */
export const llama: Architecture = {
  name: 'llama',
  huggingFace: [
    {
      modelType: 'llama',
      names: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'LlamaModel'],
      defaults: { contextLength: 2048 },
      biasFields: { attention_bias: attentionLayers, mlp_bias: feedForwardLayers },
    },
    {
      modelType: 'mistral',
      names: ['MistralForCausalLM', 'MistralModel'],
      defaults: { contextLength: 131072, kvHeads: 8 },
      window: mistralWindow,
    },
    {
      modelType: 'mixtral',
      names: ['MixtralForCausalLM', 'MixtralModel'],
      defaults: { contextLength: 131072, kvHeads: 8, ropeBase: 1e6, normEpsilon: 1e-5 },
      window: (fields, layers) => (fields['sliding_window'] == null ? undefined : mistralWindow(fields, layers)),
      read: (fields, config, subject) => ({
        experts: expertsFromHuggingFace(fields, config, subject, { ...mixture, count: 8, used: 2 }),
      }),
    },
  ],
  ropeStyle: 'interleaved',
  ropeFactors: 'frequencies',
  names: {
    ...interleavedNames,
    ...blockSparseNames,
  },
  graph: (config) => familyGraph(config),
  readGguf: (keys, config) => {
    const experts = expertsFromGguf(keys, config, mixture);
    return experts === undefined ? {} : { experts };
  },
  metadata: (config) => expertsMetadata(config, { feedForward: false }),
};
