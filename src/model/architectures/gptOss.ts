import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import type { AttentionWindow, ExpertsConfig } from '../types.ts';
import { attentionLayers } from './biases.ts';
import { familyGraph } from './family.ts';
import type { Architecture, ConfigFields, TensorName } from './types.ts';
import { windowFromGguf } from './windows.ts';

/** What the class's experts are; a softmax over the chosen is one over all whose chosen are normalized. */
const TRAITS = { biases: true, gating: 'softmax', normalize: true } as const satisfies Partial<ExpertsConfig>;

/** RoPE where config.json does not say. */
const YARN = {
  rope_type: 'yarn',
  rope_theta: 150000,
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
  original_max_position_embeddings: 4096,
};

/** The clamped gate's numbers, which GGUF does not carry. */
const GATE: readonly (readonly [field: string, value: number])[] = [
  ['swiglu_limit', 7],
  ['swiglu_alpha', 1.702],
];

const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}`;

/** One of gate and up, whose rows take turns: MXFP4 as published, or floats with columns for rows. */
function half(index: number): TensorName {
  const part = { index, of: 2, interleaved: true } as const;
  const name = mlp('experts.gate_up_proj');
  return {
    huggingFace: [
      { name, part, transposed: true },
      { name: `${name}_blocks`, part },
    ],
  };
}

const halfBias = (index: number): TensorName => ({
  huggingFace: [{ name: mlp('experts.gate_up_proj_bias'), part: { index, of: 2, interleaved: true } }],
});

function slides({ layer_types: types, sliding_window: tokens = 128 }: ConfigFields, layers: number) {
  if (typeof tokens !== 'number') return undefined;
  const isSliding = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'sliding_attention' : layer % 2 === 0;
  return { tokens, layers: Array.from({ length: layers }, (_, layer) => isSliding(layer)) } satisfies AttentionWindow;
}

/** gpt-oss: attention with sinks and, in every second block, a window; experts with biases and a clamped gate. */
export const gptOss: Architecture = {
  name: 'gpt-oss',
  huggingFace: [
    {
      modelType: 'gpt_oss',
      names: ['GptOssForCausalLM', 'GptOssModel'],
      defaults: { contextLength: 131072, kvHeads: 8, headDim: 64, ropeBase: 150000, normEpsilon: 1e-5 },
      canonical: (fields) => ({
        attention_bias: undefined,
        rope_parameters: fields['rope_parameters'] ?? fields['rope_scaling'] ?? YARN,
      }),
      window: slides,
      read: (fields, config, subject) => {
        for (const [field, value] of GATE)
          if ((fields[field] ?? value) !== value)
            throw new FormatError(`${subject}: ${field} is ${String(fields[field])}, expected ${value}`);
        return { experts: expertsFromHuggingFace(fields, config, subject, { ...TRAITS, count: 128, used: 4 }) };
      },
    },
  ],
  ropeStyle: 'halves',
  slidesInLlamaCpp: true,
  names: {
    ...commonNames,
    attn_sinks: 'model.layers.{layer}.self_attn.sinks',
    post_attention_norm: 'model.layers.{layer}.post_attention_layernorm.weight',
    ffn_gate_inp: { huggingFace: mlp('router.weight'), exact: true },
    'ffn_gate_inp.bias': mlp('router.bias'),
    ffn_gate_exps: half(0),
    ffn_up_exps: half(1),
    ffn_down_exps: {
      huggingFace: [{ name: mlp('experts.down_proj'), transposed: true }, mlp('experts.down_proj_blocks')],
    },
    'ffn_gate_exps.bias': halfBias(0),
    'ffn_up_exps.bias': halfBias(1),
    'ffn_down_exps.bias': mlp('experts.down_proj_bias'),
  },
  graph: (config) =>
    familyGraph(config, {
      biases: attentionLayers,
      sinks: true,
      activation: 'clamped',
      feedForwardNorm: 'post_attention_norm',
    }),
  readGguf: (keys, config) => ({
    biases: undefined,
    experts: expertsFromGguf(keys, config, TRAITS),
    window: windowFromGguf(keys, config.layers, (layer, every = 2) => layer % every < every - 1),
  }),
  metadata: (config) => expertsMetadata(config),
};
