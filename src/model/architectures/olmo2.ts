import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, postNormed } from '../parts/causalModel.ts';
import { slidingRope } from '../rope-huggingface.ts';
import type { ModelConfig } from '../types.ts';
import { blockParts } from './family.ts';
import type { Architecture, ConfigFields } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** Three of four blocks slide. */
const slides = (layer: number, every = 4): boolean => layer % every < every - 1;

function windowOfFields({ layer_types: types, sliding_window: tokens = 4096 }: ConfigFields, layers: number) {
  if (typeof tokens !== 'number') return undefined;
  const found = Array.from({ length: layers }, (_, layer) =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : slides(layer),
  );
  return found.includes(true) ? { tokens, layers: found } : undefined;
}

/** OLMo 2 and 3: norms behind each branch alone, queries and keys normed over all heads together; 3 slides in most blocks. */
export const olmo2: Architecture = {
  name: 'olmo2',
  huggingFace: [
    {
      modelType: 'olmo2',
      names: ['Olmo2ForCausalLM', 'Olmo2Model'],
      defaults: { contextLength: 2048, normEpsilon: 1e-5 },
    },
    {
      modelType: 'olmo3',
      names: ['Olmo3ForCausalLM', 'Olmo3Model'],
      defaults: { contextLength: 2048, normEpsilon: 1e-5, ropeBase: 500000 },
      window: windowOfFields,
      // Blocks that slide are within the context that the model was first trained for: their RoPE is not scaled.
      read: (fields, { headDim, rope }, subject) => ({
        slidingRope: slidingRope(fields, olmo2, { headDim, base: rope.theta }, subject),
      }),
    },
  ],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  names: {
    ...commonNames,
    post_attention_norm: 'model.layers.{layer}.post_attention_layernorm.weight',
    post_ffw_norm: 'model.layers.{layer}.post_feedforward_layernorm.weight',
  },
  graph: (config) => {
    const { attention, feedForward } = blockParts(config, { qkNorm: 'rows' });
    const { hidden, normEpsilon: epsilon } = config;
    return causalModel(config, (build, x, layer) => {
      const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
      const mid = postNormed(build, x, norm('post_attention_norm'), (rows) =>
        selfAttention(build, rows, attention(layer)),
      );
      return postNormed(build, mid, norm('post_ffw_norm'), (rows) => feedForward(build, rows, layer));
    });
  },
  readGguf: (keys, { layers, rope, contextLength }) => {
    const window = windowFromGguf(keys, layers, slides);
    if (window === undefined) return {};
    const theta = keys.number('rope.freq_base_swa', rope.theta);
    return {
      slidingRope: { ...rope, theta, scaling: undefined },
      window: window.tokens < contextLength ? window : undefined,
    };
  },
  metadata: function* ({ slidingRope: sliding, rope }: ModelConfig) {
    if (sliding && sliding.theta !== rope.theta)
      yield ['rope.freq_base_swa', { type: 'float32', value: sliding.theta }];
  },
};
