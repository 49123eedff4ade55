import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { gatedDeltaNet } from '../parts/gatedDeltaNet.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { ropePart } from '../rope.ts';
import {
  deltaNetMetadata,
  deltaNetNames,
  deltaNetsOf,
  headsOf,
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
  graph: (config) => {
    const { hidden, normEpsilon: epsilon, recurrent } = config;
    const rope = ropePart(config.rope);
    return causalModel(config, (build, x, layer) => {
      const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
      const mid = preNormed(build, x, norm('attn_norm'), (normed) =>
        recurrent!.layers[layer]
          ? gatedDeltaNet(build, normed, {
              ...config,
              layer,
              taps: recurrent!.taps,
              heads: headsOf(config),
              tiled: true,
            })
          : selfAttention(build, normed, {
              ...config,
              layer,
              rope,
              window: undefined,
              qkNorm: 'heads',
              outputGate: true,
            }),
      );
      return preNormed(build, mid, norm('post_attention_norm'), (normed) =>
        gatedMlp(build, normed, { ...config, layer, activation: 'silu' }),
      );
    });
  },
  readGguf: readDeltaNets,
  *metadata(config) {
    yield* deltaNetMetadata(config);
    yield* sectionMetadata(config);
  },
};
