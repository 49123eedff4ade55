import { causalModel } from '../parts/causalModel.ts';
import { windowOf } from '../window.ts';
import { gemmaBlock, gemmaClass, gemmaKeys, gemmaNames, isBidirectional, PATTERN, SLIDING_BASE } from './gemma.ts';
import type { Architecture } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** Blocks of the one size whose scores are scaled by the residual stream's share of a head, not by the head's size. */
const LAYERS_OF_27B = 62;

/** Gemma 3: norms before and after each branch, normed queries and keys, GELU gates, windows in five of six blocks. */
export const gemma3: Architecture = {
  name: 'gemma3',
  huggingFace: [
    {
      ...gemmaClass(() => gemma3),
      names: ['Gemma3ForCausalLM', 'Gemma3TextModel'],
      accepts: (fields) => !isBidirectional(fields),
    },
  ],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  ropeBase: 1e6,
  names: gemmaNames,
  graph: (config) =>
    causalModel(
      { ...config, scales: { embedding: Math.sqrt(config.hidden) } },
      gemmaBlock(config, { causal: true, windowOf: (layer) => windowOf(config, layer) }),
    ),
  readGguf: (keys, { hidden, heads, headDim, layers, rope }) => ({
    slidingRope: { ...rope, theta: keys.number('rope.freq_base_swa', SLIDING_BASE), scaling: undefined },
    attentionScale: 1 / Math.sqrt(layers === LAYERS_OF_27B ? hidden / heads : headDim),
    window: windowFromGguf(keys, layers, (layer, every = PATTERN) => layer % every < every - 1),
  }),
  metadata: gemmaKeys,
};
