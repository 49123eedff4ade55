import { yarnMagnitude, yarnRatio } from '../rope-factors.ts';
import type { RopeConfig } from '../types.ts';
import { familyGraph } from './family.ts';
import { interleavedNames } from './interleavedNames.ts';
import type { Architecture, ConfigFields } from './types.ts';

/** What the class takes where config.json has no RoPE parameters. */
const PARAMETERS = {
  rope_type: 'yarn',
  rope_theta: 1e6,
  factor: 16,
  original_max_position_embeddings: 16384,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1,
  mscale_all_dim: 1,
  llama_4_scaling_beta: 0.1,
};

const parametersOf = (fields: ConfigFields): ConfigFields =>
  (fields['rope_parameters'] ?? fields['rope_scaling'] ?? PARAMETERS) as ConfigFields;

/** GGUF keeps the ratio to the magnitude that the multiplier makes. */
function withMultiplier(scaling: Yarn, logMultiplier: number): Yarn {
  const usual = yarnRatio(scaling.factor, 1, logMultiplier);
  const ratio = Math.fround((scaling.attentionFactor ?? yarnMagnitude(scaling.factor)) / usual);
  return { ...scaling, logMultiplier, attentionFactor: ratio * usual };
}

type Yarn = Extract<RopeConfig['scaling'], { type: 'yarn' }>;

/** Ministral 3: a llama whose queries grow with the logarithm of their position, and YaRN without a magnitude. */
export const mistral3: Architecture = {
  name: 'mistral3',
  huggingFace: [
    {
      modelType: 'ministral3',
      names: ['Ministral3ForCausalLM', 'Ministral3Model'],
      defaults: { contextLength: 262144, kvHeads: 8, headDim: 128, ropeBase: 1e6, normEpsilon: 1e-5 },
      canonical: (fields) => ({ rope_parameters: parametersOf(fields) }),
      window: ({ sliding_window: tokens }, layers) =>
        typeof tokens === 'number' ? { tokens, layers: new Array(layers).fill(true) } : undefined,
      read: (fields, { rope }) => {
        const { mscale_all_dim: multiplier, llama_4_scaling_beta: scale } = parametersOf(fields);
        if (rope.scaling?.type !== 'yarn') return {};
        const { scaling } = rope;
        return {
          ...(typeof multiplier === 'number'
            ? { rope: { ...rope, scaling: withMultiplier(scaling, multiplier) } }
            : {}),
          ...(typeof scale === 'number' && scale !== 0
            ? { temperature: { scale: Math.fround(scale), length: scaling.originalContext } }
            : {}),
        };
      },
    },
  ],
  ropeStyle: 'interleaved',
  ropeFactors: 'frequencies',
  yarnMultiplier: true,
  names: interleavedNames,
  graph: (config) => familyGraph(config),
  readGguf: (keys, { rope: { scaling }, contextLength }) => {
    const scale = Number(keys.get('attention.temperature_scale') ?? 0);
    const length = scaling?.type === 'yarn' ? scaling.originalContext : contextLength;
    return scale === 0 ? {} : { temperature: { scale, length } };
  },
  metadata: function* ({ temperature }) {
    if (temperature) yield ['attention.temperature_scale', { type: 'float32', value: temperature.scale }];
  },
};
