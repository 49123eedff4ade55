import type { Architecture } from '../architecture.ts';
import { familyGraph, familyTensors } from './family.ts';
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
  ropeFactors: false,
  tensors: (config) => familyTensors(config, { qkvBias: true }),
  graph: (config) => familyGraph(config, { qkvBias: true }),
};
