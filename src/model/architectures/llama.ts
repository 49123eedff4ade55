import { commonNames } from '../names.ts';
import { attentionLayers, feedForwardLayers } from './biases.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';
import { mistralWindow } from './windows.ts';

/** Llama 2 and 3, Mistral, SmolLM2 and everything else that uses their code. */
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
  ],
  ropeStyle: 'interleaved',
  ropeFactors: 'frequencies',
  names: {
    ...commonNames,
    attn_q: { huggingFace: 'model.layers.{layer}.self_attn.q_proj.weight', permutedHeads: 'heads' },
    attn_k: { huggingFace: 'model.layers.{layer}.self_attn.k_proj.weight', permutedHeads: 'kvHeads' },
    'attn_q.bias': { huggingFace: 'model.layers.{layer}.self_attn.q_proj.bias', permutedHeads: 'heads' },
    'attn_k.bias': { huggingFace: 'model.layers.{layer}.self_attn.k_proj.bias', permutedHeads: 'kvHeads' },
  },
  graph: (config) => familyGraph(config, {}),
};
