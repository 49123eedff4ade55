import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { commonNames } from '../names.ts';
import {
  readShortConvolutions,
  shortConvolutionFields,
  shortConvolutionGraph,
  shortConvolutionMetadata,
  shortConvolutionNames,
  shortConvolutionsOf,
} from './shortConvolutions.ts';
import type { Architecture, TensorNames } from './types.ts';

/** A sigmoid of each, a bias that chooses alone, and weights that sum to 1. */
const traits = { gating: 'sigmoid', selectionBias: true, normalize: true } as const;

const part = (name: string): string => `model.layers.{layer}.feed_forward.${name}`;
const half = (index: number) => ({ name: part('experts.gate_up_proj'), part: { index, of: 2 } });

const expertNames: TensorNames = {
  ffn_gate_inp: { huggingFace: part('gate.weight'), exact: true },
  'exp_probs_b.bias': { huggingFace: [part('expert_bias'), part('gate.expert_bias')] },
  ffn_gate_exps: { huggingFace: [part('experts.{expert}.w1.weight'), half(0)] },
  ffn_up_exps: { huggingFace: [part('experts.{expert}.w3.weight'), half(1)] },
  ffn_down_exps: { huggingFace: [part('experts.{expert}.w2.weight'), part('experts.down_proj')] },
};

/** LFM2's mixtures: the first blocks have one feed-forward part, the others experts. */
export const lfm2moe: Architecture = {
  name: 'lfm2moe',
  huggingFace: [
    {
      modelType: 'lfm2_moe',
      names: ['Lfm2MoeForCausalLM', 'Lfm2MoeModel'],
      defaults: { contextLength: 128000, kvHeads: 8, ropeBase: 1e6, normEpsilon: 1e-5, feedForward: 7168 },
      canonical: (fields) => ({
        ...shortConvolutionFields(fields),
        first_k_dense_replace: fields['num_dense_layers'] ?? 2,
      }),
      read: (fields, config, subject) => {
        for (const [name, wanted] of Object.entries({ conv_bias: false, use_expert_bias: true, norm_topk_prob: true }))
          if ((fields[name] ?? wanted) !== wanted)
            throw new FormatError(`${subject}: ${name} is not ${wanted}, which GGUF cannot say of such models`);
        return {
          recurrent: shortConvolutionsOf(fields, config.layers, subject),
          experts: expertsFromHuggingFace(fields, { ...config, feedForward: 1792 }, subject, {
            ...traits,
            ...{ count: 32, used: 4 },
          }),
        };
      },
    },
  ],
  ropeStyle: 'halves',
  names: { ...commonNames, ...shortConvolutionNames, ...expertNames },
  graph: shortConvolutionGraph,
  readGguf: (keys, config) => ({
    ...readShortConvolutions(keys, config),
    experts: expertsFromGguf(keys, config, traits),
  }),
  *metadata(config) {
    yield* shortConvolutionMetadata(config);
    yield* expertsMetadata(config, { router: true });
  },
};
