import type { Architecture } from '../architecture.ts';
import { familyGraph, familyTensors } from './family.ts';

/** Llama 2 and 3, Mistral, SmolLM2 and everything else that uses their code. */
export const llama: Architecture = {
  name: 'llama',
  huggingFace: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'MistralForCausalLM'],
  ropeStyle: 'interleaved',
  ropeFactors: true,
  defaults: { ropeTheta: 10000, normEpsilon: 1e-6 },
  tensors: (config) => familyTensors(config, { permuted: true, ropeFactors: true }),
  graph: (config) => familyGraph(config, { permuted: true, ropeFactors: true }),
};
