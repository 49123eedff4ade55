import { plainMlp } from '../parts/plainMlp.ts';
import { familyGraph } from './family.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture } from './types.ts';

/** Arcee's AFM: a llama whose feed-forward part has no gate, and squares what is positive. */
export const arcee: Architecture = {
  name: 'arcee',
  huggingFace: [
    {
      modelType: 'arcee',
      names: ['ArceeForCausalLM', 'ArceeModel'],
      defaults: { contextLength: 4096, normEpsilon: 1e-5 },
      activations: ['relu2'],
    },
  ],
  ropeStyle: 'interleaved',
  ropeFactors: 'frequencies',
  names: interleavedNames,
  graph: (config) =>
    familyGraph(config, { mlp: (build, normed, part) => plainMlp(build, normed, { ...part, activation: 'relu2' }) }),
};
