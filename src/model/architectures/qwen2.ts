import { commonNames } from '../names.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';
import { qwenWindow } from './windows.ts';

/** Qwen2 and Qwen2.5: biases on q, k, v; RoPE by halves. */
export const qwen2: Architecture = {
  name: 'qwen2',
  huggingFace: [
    {
      modelType: 'qwen2',
      names: ['Qwen2ForCausalLM', 'Qwen2Model'],
      defaults: { contextLength: 32768, kvHeads: 32 },
      window: qwenWindow,
    },
  ],
  ropeStyle: 'halves',
  names: commonNames,
  graph: (config) => familyGraph(config, { biases: ['attn_q', 'attn_k', 'attn_v'] }),
};
