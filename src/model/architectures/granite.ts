import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import type { ModelConfig } from '../types.ts';
import { attentionLayers, feedForwardLayers } from './biases.ts';
import { fusedExpertNames } from './expertNames.ts';
import { familyGraph } from './family.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture, ConfigFields } from './types.ts';

const factorOf = (fields: ConfigFields, key: string): number => Math.fround(Number(fields[key] ?? 1));

/** The four factors: on embeddings, on what branches add, on scores of attention, and, divided by, on logits. */
const readFactors = (fields: ConfigFields): Partial<ModelConfig> => ({
  attentionScale: factorOf(fields, 'attention_multiplier'),
  scales: {
    embedding: factorOf(fields, 'embedding_multiplier'),
    residual: factorOf(fields, 'residual_multiplier'),
    logits: 1 / factorOf(fields, 'logits_scaling'),
  },
});

const readKeys: NonNullable<Architecture['readGguf']> = (keys, { layers }) => ({
  attentionScale: Number(keys.get('attention.scale') ?? 0) || undefined,
  scales: {
    embedding: Number(keys.get('embedding_scale') ?? 0) || 1,
    residual: Number(keys.get('residual_scale') ?? 0) || 1,
    logits: 1 / keys.number('logit_scale'),
  },
  // The key says that RoPE was trained: where it was not, no block looks at positions.
  ...(keys.get('rope.scaling.finetuned') === false ? { ropeLayers: new Array(layers).fill(false) } : {}),
});

function* writeKeys({
  attentionScale,
  scales,
  ropeLayers,
}: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  const float = (value: number) => ({ type: 'float32', value }) as const;
  if (attentionScale !== undefined) yield ['attention.scale', float(attentionScale)];
  yield ['embedding_scale', float(scales?.embedding ?? 1)];
  yield ['residual_scale', float(scales?.residual ?? 1)];
  yield ['logit_scale', float(1 / (scales?.logits ?? 1))];
  if (ropeLayers?.every((looks) => !looks)) yield ['rope.scaling.finetuned', { type: 'bool', value: false }];
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
      read: readFactors,
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
      ...readFactors(fields),
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
