import { FormatError } from '../../core/errors.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import type { ModelConfig } from '../types.ts';
import {
  deltaNetGraph,
  deltaNetMetadata,
  deltaNetNames,
  deltaNetNextTokens,
  deltaNetsOf,
  headsOf,
  negativeExponential,
  readDeltaNets,
} from './deltaNets.ts';
import { gatedSharedNames } from './expertNames.ts';
import type { Architecture, Conversion, TensorNames } from './types.ts';

const traits = { normalize: true, sharedGate: true } as const;

const inNet = (name: string): string => `model.layers.{layer}.linear_attn.${name}`;

/** Of every head of keys its query, its key, and its heads' values and gates, one after the other in one tensor. */
function fused(config: ModelConfig, part: 'qkv' | 'gate'): Conversion {
  const { count, keys, keyDim, valueDim } = headsOf(config);
  const values = (count / keys) * valueDim;
  const group = 2 * (keyDim + values);
  /** Row of a part that has `width` rows in every group, and begins with its row `start`. */
  const row = (at: number, width: number, start: number): number =>
    Math.floor(at / width) * group + start + (at % width);
  const keyRows = keys * keyDim;
  const inQkv = (at: number): number => {
    if (at < keyRows) return row(at, keyDim, 0);
    return at < 2 * keyRows ? row(at - keyRows, keyDim, keyDim) : row(at - 2 * keyRows, values, 2 * keyDim);
  };
  return { rows: keys * group, row: part === 'qkv' ? inQkv : (at) => row(at, values, 2 * keyDim + values) };
}

const netNames: TensorNames = {
  attn_qkv: { huggingFace: inNet('in_proj_qkvz.weight'), convert: (config) => fused(config, 'qkv') },
  attn_gate: { huggingFace: inNet('in_proj_qkvz.weight'), convert: (config) => fused(config, 'gate') },
  ssm_ba: inNet('in_proj_ba.weight'),
  ssm_conv1d: { huggingFace: inNet('conv1d.weight'), exact: true },
  'ssm_dt.bias': inNet('dt_bias'),
  ssm_a: { huggingFace: inNet('A_log'), convert: () => ({ value: negativeExponential }) },
  ssm_out: inNet('out_proj.weight'),
};

/** Qwen3-Next: gated delta nets whose heads stand in the order of their keys, gated attention, experts in every block. */
export const qwen3next: Architecture = {
  name: 'qwen3next',
  huggingFace: [
    {
      modelType: 'qwen3_next',
      names: ['Qwen3NextForCausalLM', 'Qwen3NextModel'],
      defaults: { contextLength: 32768, kvHeads: 2, headDim: 256, ropePartial: 0.25, feedForward: 5632 },
      read: (fields, config, subject) => {
        const experts = expertsFromHuggingFace(fields, { ...config, feedForward: 512 }, subject, {
          ...traits,
          ...{ count: 512, used: 10, sharedFeedForward: 512 },
        });
        if (experts.layers !== undefined || experts.normalize !== true)
          throw new FormatError(
            `${subject}: blocks without experts, or weights that do not sum to 1, which GGUF cannot say`,
          );
        return { experts, recurrent: deltaNetsOf(fields, config.layers, subject) };
      },
    },
  ],
  ropeStyle: 'halves',
  names: { ...deltaNetNames, ...netNames, ...gatedSharedNames },
  graph: (config) => deltaNetGraph(config, { fusedGates: true }),
  nextTokens: deltaNetNextTokens,
  readGguf: (keys, config) => ({ ...readDeltaNets(keys, config), experts: expertsFromGguf(keys, config, traits) }),
  *metadata(config) {
    yield* deltaNetMetadata(config);
    yield* expertsMetadata(config, { shared: 'width' });
  },
};
