import type { Graph } from '../../graph/types.ts';
import { readInteger, readNumber } from '../config-fields.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import type { ExpertsConfig, ModelConfig, Temperature } from '../types.ts';
import { blockParts } from './family.ts';
import type { Architecture, ConfigFields, TensorName } from './types.ts';

const inBlock = (name: string): string => `model.layers.{layer}.feed_forward.${name}`;
const half = (index: number): TensorName => ({
  huggingFace: [{ name: inBlock('experts.gate_up_proj'), part: { index, of: 2 }, transposed: true }],
});

/** Every fourth block sees everything, and does not look at positions. */
const PATTERN = 4;
/** Tokens of a chunk, and positions of a step of temperature; llama.cpp knows no others. */
const CHUNK = 8192;
const TEMPERATURE: Temperature = { scale: Math.fround(0.1), length: CHUNK, offset: 1 };
const TRAITS = { gating: 'sigmoid', weighsInputs: true } as const satisfies Partial<ExpertsConfig>;
/** With so many experts, queries and keys are not normed; GGUF does not say it otherwise. */
const UNNORMED = 128;

const patterned = (layers: number): boolean[] =>
  Array.from({ length: layers }, (_, layer) => (layer + 1) % PATTERN > 0);

/** Blocks with experts: every `step`-th. */
function withExperts(layers: number, step: number): readonly boolean[] | undefined {
  const found = Array.from({ length: layers }, (_, layer) => (layer + 1) % step === 0);
  return found.every(Boolean) ? undefined : found;
}

/** Blocks that look at positions: 1 in `no_rope_layers`, or those that are not every `no_rope_layer_interval`-th. */
function ropeLayers(fields: ConfigFields, layers: number): readonly boolean[] {
  const { no_rope_layers: listed, no_rope_layer_interval: every = PATTERN } = fields;
  if (Array.isArray(listed) && listed.length === layers) return listed.map((each) => each === 1);
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % Number(every) !== 0);
}

function graph(config: ModelConfig): Graph {
  const { hidden, normEpsilon: epsilon, window, temperature } = config;
  const { attention, feedForward } = blockParts(config, {});
  return causalModel(config, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
    const isRotated = config.ropeLayers![layer];
    const part = {
      ...attention(layer),
      window: undefined,
      chunk: window?.layers[layer] ? window.tokens : undefined,
      temperature: isRotated ? undefined : temperature,
      rotatedNorm: isRotated && config.rotatedNorm,
    };
    const mid = preNormed(build, x, norm('attn_norm'), (normed) => selfAttention(build, normed, part));
    return preNormed(build, mid, norm('ffn_norm'), (normed) => feedForward(build, normed, layer));
  });
}

/** Llama 4: chunks in three of four blocks and no positions in the fourth; experts whose inputs the router weighs. */
export const llama4: Architecture = {
  name: 'llama4',
  huggingFace: [
    {
      modelType: 'llama4_text',
      names: ['Llama4ForCausalLM', 'Llama4ForConditionalGeneration', 'Llama4TextModel'],
      defaults: { contextLength: 131072, kvHeads: 8, headDim: 128, ropeBase: 500000, normEpsilon: 1e-5 },
      canonical: (fields) => ({
        intermediate_size: fields['intermediate_size_mlp'] ?? 16384,
        moe_intermediate_size: fields['intermediate_size'] ?? 8192,
      }),
      read: (fields, config, subject) => {
        const { layers } = config;
        const step = readInteger(fields, 'interleave_moe_layer_step', subject, 1);
        const experts = expertsFromHuggingFace(fields, config, subject, { ...TRAITS, count: 16, used: 1 });
        const rotated = ropeLayers(fields, layers);
        const chunk = readInteger(fields, 'attention_chunk_size', subject, CHUNK);
        const tuned = fields['attn_temperature_tuning'] !== false && fields['attn_temperature_tuning'] !== 0;
        return {
          experts: { ...experts, sharedFeedForward: experts.feedForward, layers: withExperts(layers, step) },
          ropeLayers: rotated,
          window: { tokens: chunk, layers: rotated },
          rotatedNorm: fields['use_qk_norm'] !== false,
          ...(tuned && {
            temperature: {
              scale: Math.fround(readNumber(fields, 'attn_scale', subject, 0.1)),
              length: readNumber(fields, 'floor_scale', subject, CHUNK),
              offset: 1,
            },
          }),
        };
      },
    },
  ],
  ropeStyle: 'interleaved',
  ropeFactors: 'frequencies',
  slidesInLlamaCpp: true,
  names: {
    ...commonNames,
    ffn_gate: inBlock('gate_proj.weight'),
    ffn_up: inBlock('up_proj.weight'),
    ffn_down: inBlock('down_proj.weight'),
    ffn_gate_inp: { huggingFace: inBlock('router.weight'), exact: true },
    ffn_gate_exps: half(0),
    ffn_up_exps: half(1),
    ffn_down_exps: { huggingFace: [{ name: inBlock('experts.down_proj'), transposed: true }] },
    ffn_gate_shexp: inBlock('shared_expert.gate_proj.weight'),
    ffn_up_shexp: inBlock('shared_expert.up_proj.weight'),
    ffn_down_shexp: inBlock('shared_expert.down_proj.weight'),
  },
  graph,
  readGguf: (keys, config) => {
    const { layers } = config;
    const experts = expertsFromGguf(keys, config, TRAITS);
    const step = keys.integer('interleave_moe_layer_step');
    const isPlain = keys.get('attention.sliding_window') === 0;
    return {
      experts: experts && { ...experts, sharedFeedForward: experts.feedForward, layers: withExperts(layers, step) },
      ropeLayers: isPlain ? new Array(layers).fill(true) : patterned(layers),
      window: isPlain ? undefined : { tokens: CHUNK, layers: patterned(layers) },
      temperature: isPlain ? undefined : TEMPERATURE,
      rotatedNorm: experts?.count !== UNNORMED,
    };
  },
  metadata: function* (config) {
    const first = config.experts!.layers?.indexOf(true) ?? 0;
    yield ['interleave_moe_layer_step', { type: 'uint32', value: first + 1 }];
    yield* expertsMetadata(config);
  },
};
