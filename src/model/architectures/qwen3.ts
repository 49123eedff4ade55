import type { Architecture } from '../architecture.ts';
import { familyGraph, familyTensors } from './family.ts';

/** Qwen3 (dense): RMSNorm on every head of q and k before RoPE by halves, no biases. */
export const qwen3: Architecture = {
  name: 'qwen3',
  huggingFace: ['Qwen3ForCausalLM'],
  ropeStyle: 'halves',
  ropeFactors: false,
  defaults: { ropeTheta: 10000, normEpsilon: 1e-6 },
  tensors: (config) => familyTensors(config, { qkNorm: true }),
  graph: (config) => familyGraph(config, { qkNorm: true }),
};
