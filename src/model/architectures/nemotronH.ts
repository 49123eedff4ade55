import { FormatError } from '../../core/errors.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { mamba2 } from '../parts/mamba2.ts';
import { plainMlp } from '../parts/plainMlp.ts';
import type { ModelConfig } from '../types.ts';
import { readStateSpaces, stateSpaceMetadata, stateSpaceNames, stateSpacesOf } from './stateSpaces.ts';
import type { Architecture, ConfigFields, HuggingFaceClass } from './types.ts';

/** What a block is, in words and in a pattern's letters; older and newer words. */
const KINDS: Readonly<Record<string, 'state' | 'attention' | 'feedForward'>> = {
  ...{ M: 'state', mamba: 'state', linear_attention: 'state' },
  ...{ '*': 'attention', attention: 'attention', full_attention: 'attention' },
  ...{ '-': 'feedForward', mlp: 'feedForward' },
};

function kindsOf(fields: ConfigFields, subject: string) {
  const { hybrid_override_pattern: pattern, layers_block_type: types = fields['layer_types'] } = fields;
  const words = typeof pattern === 'string' ? [...pattern] : Array.isArray(types) ? types.map(String) : [];
  const unknown = words.find((word) => KINDS[word] === undefined);
  if (words.length === 0 || unknown !== undefined)
    throw new FormatError(
      `${subject}: hybrid_override_pattern names ${unknown ?? 'no blocks'}, expected M, * and - (experts are not supported)`,
    );
  return words.map((word) => KINDS[word]);
}

const huggingFace: HuggingFaceClass = {
  modelType: 'nemotron_h',
  names: ['NemotronHForCausalLM', 'NemotronHModel'],
  defaults: { contextLength: 4096, kvHeads: 8, headDim: 128, normEpsilon: 1e-5, feedForward: 21504 },
  activations: ['relu2'],
  canonical: (fields) => ({
    num_hidden_layers: kindsOf(fields, 'config.json').length,
    hidden_act: fields['mlp_hidden_act'] ?? 'relu2',
    ...(fields['layer_norm_epsilon'] === undefined ? {} : { rms_norm_eps: fields['layer_norm_epsilon'] }),
    ...(fields['attention_head_dim'] === undefined ? {} : { head_dim: fields['attention_head_dim'] }),
  }),
  read: (fields, _, subject) => {
    for (const name of ['mamba_proj_bias', 'use_bias', 'mlp_bias'])
      if (fields[name] === true) throw new FormatError(`${subject}: ${name} is not supported`);
    const kinds = kindsOf(fields, subject);
    const [heads, headDim, groups] = ['mamba_num_heads', 'mamba_head_dim', 'n_groups'];
    const names = { heads, headDim, groups, state: 'ssm_state_size', taps: 'conv_kernel', bias: 'use_conv_bias' };
    const defaults = { heads: 128, headDim: 64, groups: 8, state: 128 };
    return {
      recurrent: stateSpacesOf(
        fields,
        names,
        defaults,
        kinds.map((kind) => kind === 'state'),
        subject,
      ),
      feedForwardLayers: kinds.map((kind) => kind === 'feedForward'),
    };
  },
};

const inBlock = (name: string): string => `model.layers.{layer}.${name}.weight`;

/** Nemotron-H (dense): every block is a state space, attention without positions, or a feed-forward part of relu². */
export const nemotronH: Architecture = {
  name: 'nemotron_h',
  huggingFace: [huggingFace],
  ropeStyle: 'halves',
  names: {
    token_embd: 'model.embeddings.weight',
    output_norm: 'model.norm_f.weight',
    output: 'lm_head.weight',
    attn_norm: inBlock('norm'),
    attn_q: inBlock('mixer.q_proj'),
    attn_k: inBlock('mixer.k_proj'),
    attn_v: inBlock('mixer.v_proj'),
    attn_output: inBlock('mixer.o_proj'),
    ffn_up: inBlock('mixer.up_proj'),
    ffn_down: inBlock('mixer.down_proj'),
    ...stateSpaceNames('mixer'),
  },
  graph: (config) => {
    const { hidden, normEpsilon, recurrent, feedForwardLayers } = config;
    const { layers, taps, plain, heads } = recurrent!;
    return causalModel(config, (build, x, layer) =>
      preNormed(build, x, { tensor: `blk.${layer}.attn_norm.weight`, hidden, epsilon: normEpsilon }, (normed) => {
        if (layers[layer])
          return mamba2(build, normed, { layer, hidden, taps, heads: heads!, normEpsilon, plainConvolution: plain });
        if (feedForwardLayers![layer]) return plainMlp(build, normed, { ...config, layer, activation: 'relu2' });
        return selfAttention(build, normed, { ...config, layer, rope: undefined, window: undefined });
      }),
    );
  },
  readGguf: (keys, { layers }, tensors) => {
    const feedForward = keys.perLayer('feed_forward_length', layers)!;
    const kvHeads = keys.perLayer('attention.head_count_kv', layers)!;
    const isState = kvHeads.map((count, layer) => count === 0 && feedForward[layer] === 0);
    return {
      recurrent: readStateSpaces(keys, isState, tensors),
      feedForwardLayers: feedForward.map((width) => width > 0),
    };
  },
  *metadata(config) {
    const { headDim, normEpsilon } = config;
    yield* countsByBlock(config);
    yield ['attention.layer_norm_epsilon', { type: 'float32', value: normEpsilon }];
    yield ['attention.key_length', { type: 'uint32', value: headDim }];
    yield ['attention.value_length', { type: 'uint32', value: headDim }];
    yield ['rope.scaling.finetuned', { type: 'bool', value: false }];
    yield* stateSpaceMetadata(config);
  },
};

/** Heads of keys and widths of feed-forward parts, 0 in blocks that are something else. */
function* countsByBlock({
  recurrent,
  feedForwardLayers,
  feedForward,
  kvHeads,
}: ModelConfig): ReturnType<NonNullable<Architecture['metadata']>> {
  const heads = recurrent!.layers.map((isState, layer) => (isState || feedForwardLayers![layer] ? 0 : kvHeads));
  yield ['attention.head_count_kv', { type: 'array:int32', value: heads }];
  const widths = feedForwardLayers!.map((isFeedForward) => (isFeedForward ? feedForward : 0));
  yield ['feed_forward_length', { type: 'array:int32', value: widths }];
}
