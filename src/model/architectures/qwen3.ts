import { commonNames } from '../names.ts';
import { familyGraph } from './family.ts';
import type { Architecture } from './types.ts';
import { qwenWindow } from './windows.ts';

/** Qwen3 (dense): RMSNorm on every head of q and k before RoPE by halves, no biases. */
export const qwen3: Architecture = {
  name: 'qwen3',
  huggingFace: [
    {
      modelType: 'qwen3',
      names: ['Qwen3ForCausalLM', 'Qwen3Model'],
      defaults: { contextLength: 32768, kvHeads: 32, headDim: 128 },
      window: qwenWindow,
    },
  ],
  ropeStyle: 'halves',
  names: commonNames,
  graph: (config) => familyGraph(config, { qkNorm: 'heads' }),
};
