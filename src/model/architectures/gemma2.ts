import { causalModel } from '../parts/causalModel.ts';
import type { ModelConfig } from '../types.ts';
import { windowOf } from '../window.ts';
import { gemmaBlock, gemmaKeys, gemmaNames } from './gemma.ts';
import type { Architecture, ConfigFields } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** Every other block sees a window, the first among them. */
const slides = (layer: number, every = 2): boolean => layer % every < every - 1;
const WINDOW = 4096;
const CAPS = { attention: 50, logits: 30 };
/** Blocks of the one size whose scores are scaled by the residual stream's share of a head, not by the head's size. */
const LAYERS_OF_27B = 46;

/** A cap: absent it is the class's own, null is none. */
const cap = (given: unknown, fallback: number): number | undefined =>
  given === undefined ? fallback : typeof given === 'number' && given > 0 ? given : undefined;

const windowOfFields = ({ layer_types: types, sliding_window: tokens = WINDOW }: ConfigFields, layers: number) => ({
  tokens: Number(tokens),
  layers: Array.from({ length: layers }, (_, layer) =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : slides(layer),
  ),
});

/** Gemma 2: norms before and after each branch, caps on attention's scores and on logits, windows in every other block. */
export const gemma2: Architecture = {
  name: 'gemma2',
  huggingFace: [
    {
      modelType: 'gemma2',
      names: ['Gemma2ForCausalLM', 'Gemma2Model'],
      defaults: { contextLength: 8192, kvHeads: 4, headDim: 256 },
      activations: ['gelu_pytorch_tanh'],
      window: windowOfFields,
      read: (fields) => ({
        attentionScale: 1 / Math.sqrt(Number(fields['query_pre_attn_scalar'] ?? 256)),
        softcaps: {
          attention: cap(fields['attn_logit_softcapping'], CAPS.attention),
          logits: cap(fields['final_logit_softcapping'], CAPS.logits),
        },
      }),
    },
  ],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  names: gemmaNames,
  graph: (config) =>
    causalModel(
      { ...config, scales: { embedding: Math.sqrt(config.hidden) } },
      gemmaBlock(config, { causal: true, windowOf: (layer) => windowOf(config, layer), qkNorm: false }),
    ),
  readGguf: (keys, { hidden, heads, headDim, layers, contextLength }) => {
    const tokens = Number(keys.get('attention.sliding_window') ?? WINDOW);
    const window = windowFromGguf(keys, layers, slides) ?? {
      tokens,
      layers: Array.from({ length: layers }, (_, layer) => slides(layer)),
    };
    return {
      attentionScale: 1 / Math.sqrt(layers === LAYERS_OF_27B ? hidden / heads : headDim),
      softcaps: {
        attention: cap(keys.get('attn_logit_softcapping'), CAPS.attention),
        logits: cap(keys.get('final_logit_softcapping'), CAPS.logits),
      },
      window: window.tokens < contextLength ? window : undefined,
    };
  },
  metadata: function* (config: ModelConfig) {
    yield* gemmaKeys(config);
    yield ['attn_logit_softcapping', { type: 'float32', value: config.softcaps?.attention ?? 0 }];
    yield ['final_logit_softcapping', { type: 'float32', value: config.softcaps?.logits ?? 0 }];
  },
};
