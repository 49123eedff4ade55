import type { Architecture } from '../architecture.ts';
import { familyGraph, familyTensors } from './family.ts';
import { mistralWindow } from './windows.ts';

/** Llama 2 and 3, Mistral, SmolLM2 and everything else that uses their code. */
export const llama: Architecture = {
  name: 'llama',
  huggingFace: [
    {
      modelType: 'llama',
      names: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'LlamaModel'],
      defaults: { contextLength: 2048 },
      biasFields: { attention: 'attention_bias', feedForward: 'mlp_bias' },
    },
    {
      modelType: 'mistral',
      names: ['MistralForCausalLM', 'MistralModel'],
      defaults: { contextLength: 131072, kvHeads: 8 },
      window: mistralWindow,
    },
  ],
  ropeStyle: 'interleaved',
  ropeFactors: true,
  tensors: (config) => familyTensors(config, { permuted: true, ropeFactors: true }),
  graph: (config) => familyGraph(config, { permuted: true, ropeFactors: true }),
};
