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
import type { Architecture } from './types.ts';

/** Qwen3.5 and 3.6 (dense): gated delta nets in three of four blocks, attention with a gate on its output in the others. */
export const qwen35: Architecture = {
  name: 'qwen35',
  huggingFace: [
    {
      modelType: 'qwen3_5_text',
      names: ['Qwen3_5ForCausalLM', 'Qwen3_5ForConditionalGeneration', 'Qwen3_5TextModel'],
      defaults: { contextLength: 32768, kvHeads: 4, headDim: 256, ropePartial: 0.25 },
      read: (fields, { layers }, subject) => ({ recurrent: deltaNetsOf(fields, layers, subject) }),
    },
  ],
  ropeStyle: 'halves',
  names: { ...deltaNetNames, ...tiledNames },
  graph: (config) => deltaNetGraph(config, { tiled: true }),
  nextTokens: deltaNetNextTokens,
  readGguf: readDeltaNets,
  *metadata(config) {
    yield* deltaNetMetadata(config);
    yield* sectionMetadata(config);
  },
};
