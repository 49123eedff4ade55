import type { Architecture } from '../architecture.ts';
import { familyGraph, familyTensors } from './family.ts';

/** Qwen2 and Qwen2.5: biases on q, k, v; RoPE by halves. */
export const qwen2: Architecture = {
  name: 'qwen2',
  huggingFace: ['Qwen2ForCausalLM'],
  ropeStyle: 'halves',
  ropeFactors: false,
  defaults: { ropeTheta: 10000, normEpsilon: 1e-6 },
  tensors: (config) => familyTensors(config, { qkvBias: true }),
  graph: (config) => familyGraph(config, { qkvBias: true }),
};
