import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import type { ModelConfig } from '../types.ts';
import { attentionLayers, feedForwardLayers } from './biases.ts';
import { fusedExpertNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import { graniteFactorMetadata, graniteFactors, readGraniteFactors } from './graniteFactors.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture } from './types.ts';

const readKeys: NonNullable<Architecture['readGguf']> = (keys, { layers }) => ({
  ...readGraniteFactors(keys),
  // The key says that RoPE was trained: where it was not, no block looks at positions.
  ...(keys.get('rope.scaling.finetuned') === false ? { ropeLayers: new Array(layers).fill(false) } : {}),
});

function* writeKeys(config: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  yield* graniteFactorMetadata(config);
  if (config.ropeLayers?.every((looks) => !looks)) yield ['rope.scaling.finetuned', { type: 'bool', value: false }];
}

const shared = { ropeStyle: 'interleaved', ropeFactors: 'frequencies' } as const;

/** Granite 3: a llama with four factors. */
export const granite: Architecture = {
  ...shared,
  name: 'granite',
  huggingFace: [
    {
      modelType: 'granite',
      names: ['GraniteForCausalLM', 'GraniteModel'],
      defaults: { contextLength: 2048 },
      biasFields: { attention_bias: attentionLayers, mlp_bias: feedForwardLayers },
      read: graniteFactors,
    },
  ],
  names: interleavedNames,
  graph: (config) => familyGraph(config),
  readGguf: readKeys,
  metadata: writeKeys,
};

/** Granite 3's mixtures: the same with experts whose weights sum to 1, and, where a file has one, a shared expert. */
export const graniteMoe: Architecture = {
  ...shared,
  name: 'granitemoe',
  huggingFace: [
    ['granitemoe', 'GraniteMoeForCausalLM', 'GraniteMoeModel'],
    ['granitemoeshared', 'GraniteMoeSharedForCausalLM', 'GraniteMoeSharedModel'],
  ].map(([modelType, ...names]) => ({
    modelType,
    names,
    defaults: { contextLength: 2048 },
    biasFields: { attention_bias: attentionLayers },
    read: (fields, config, subject) => ({
      ...graniteFactors(fields),
      experts: expertsFromHuggingFace(fields, config, subject, { count: 8, used: 2, normalize: true }),
    }),
  })),
  names: { ...interleavedNames, ...fusedExpertNames },
  graph: (config) => familyGraph(config),
  readGguf: (keys, config, tensors) => ({
    ...readKeys(keys, config, tensors),
    experts: expertsFromGguf(keys, config, { normalize: true }),
  }),
  metadata: function* (config) {
    yield* writeKeys(config);
    yield* expertsMetadata(config, { feedForward: false, shared: 'width' });
  },
};
