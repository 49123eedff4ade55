import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import {
  deltaNetGraph,
  deltaNetMetadata,
  deltaNetNames,
  deltaNetNextTokens,
  deltaNetsOf,
  readDeltaNets,
  sectionMetadata,
  tiledNames,
} from './deltaNets.ts';
import { gatedSharedNames } from './expertNames.ts';
import type { Architecture } from './types.ts';

/** Weights sum to 1; a sigmoid of the token scales the shared expert. */
const traits = { normalize: true, sharedGate: true } as const;

/** Mixtures of Qwen3.5 and 3.6: gated delta nets, gated attention, experts in every block. */
export const qwen35moe: Architecture = {
  name: 'qwen35moe',
  huggingFace: [
    {
      modelType: 'qwen3_5_moe_text',
      names: ['Qwen3_5MoeForCausalLM', 'Qwen3_5MoeForConditionalGeneration', 'Qwen3_5MoeTextModel'],
      defaults: { contextLength: 32768, kvHeads: 2, headDim: 256, ropePartial: 0.25, feedForward: 512 },
      read: (fields, config, subject) => ({
        recurrent: deltaNetsOf(fields, config.layers, subject),
        experts: expertsFromHuggingFace(fields, config, subject, {
          ...traits,
          ...{ count: 256, used: 8, sharedFeedForward: 512 },
        }),
      }),
    },
  ],
  ropeStyle: 'halves',
  names: { ...deltaNetNames, ...tiledNames, ...gatedSharedNames },
  graph: (config) => deltaNetGraph(config, { tiled: true }),
  nextTokens: deltaNetNextTokens,
  readGguf: (keys, config) => ({ ...readDeltaNets(keys, config), experts: expertsFromGguf(keys, config, traits) }),
  *metadata(config) {
    yield* deltaNetMetadata(config);
    yield* sectionMetadata(config);
    yield* expertsMetadata(config, { shared: 'width' });
  },
};
