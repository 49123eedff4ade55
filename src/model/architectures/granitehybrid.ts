import { FormatError } from '../../core/errors.ts';
import type { GraphBuilder } from '../../graph/build.ts';
import type { ValueId } from '../../graph/types.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { mamba2 } from '../parts/mamba2.ts';
import { ropePart } from '../rope.ts';
import type { ModelConfig } from '../types.ts';
import { graniteFactorMetadata, graniteFactors, readGraniteFactors } from './graniteFactors.ts';
import { interleavedNames } from './interleavedNames.ts';
import { cachelessMetadata } from './shortConvolutions.ts';
import { readStateSpaces, stateSpaceMetadata, stateSpaceNames, stateSpacesOf } from './stateSpaces.ts';
import type { Architecture, ConfigFields, HuggingFaceClass, TensorNames } from './types.ts';

const inBlock = (name: string): string => `model.layers.{layer}.${name}`;
const half = (name: string, index: number) => ({ name: inBlock(name), part: { index, of: 2 } });
const inputs = 'shared_mlp.input_linear.weight';
const experted = 'block_sparse_moe.input_linear.weight';

/** The shared part is the feed-forward part of models without experts; of every part gate and up are one tensor. */
const feedForwardNames: TensorNames = {
  ffn_gate: { huggingFace: [half(inputs, 0)] },
  ffn_up: { huggingFace: [half(inputs, 1)] },
  ffn_down: inBlock('shared_mlp.output_linear.weight'),
  ffn_gate_shexp: { huggingFace: [half(inputs, 0)] },
  ffn_up_shexp: { huggingFace: [half(inputs, 1)] },
  ffn_down_shexp: inBlock('shared_mlp.output_linear.weight'),
  ffn_gate_inp: {
    huggingFace: [inBlock('block_sparse_moe.router.layer.weight'), inBlock('block_sparse_moe.router.weight')],
    exact: true,
  },
  ffn_gate_exps: { huggingFace: [half(experted, 0), half('block_sparse_moe.experts.gate_up_proj', 0)] },
  ffn_up_exps: { huggingFace: [half(experted, 1), half('block_sparse_moe.experts.gate_up_proj', 1)] },
  ffn_down_exps: {
    huggingFace: [inBlock('block_sparse_moe.output_linear.weight'), inBlock('block_sparse_moe.experts.down_proj')],
  },
};

/** Blocks that are state spaces: all that `layer_types` does not call attention. */
function stateLayers(fields: ConfigFields, layers: number): boolean[] {
  const { layers_block_type: types = fields['layer_types'] } = fields;
  const attends = (layer: number): boolean => Array.isArray(types) && /^(full_)?attention$/.test(String(types[layer]));
  return Array.from({ length: layers }, (_, layer) => !attends(layer));
}

const huggingFace: HuggingFaceClass = {
  modelType: 'granitemoehybrid',
  names: ['GraniteMoeHybridForCausalLM', 'GraniteMoeHybridModel'],
  defaults: { contextLength: 2048 },
  canonical: (fields) => {
    // Without experts the width is the shared part's.
    const isDense = fields['num_local_experts'] === 0;
    return isDense ? { intermediate_size: fields['shared_intermediate_size'] ?? 1024 } : {};
  },
  read: (fields, config, subject) => {
    if (fields['mamba_proj_bias'] === true) throw new FormatError(`${subject}: mamba_proj_bias is not supported`);
    const { hidden, layers } = config;
    const heads = Number(fields['mamba_n_heads'] ?? 128);
    const { mamba_d_head: given = 'auto', mamba_expand: expand = 2 } = fields;
    const headDim = given === 'auto' ? (Number(expand) * hidden) / heads : Number(given);
    return {
      ...graniteFactors(fields),
      ...(fields['position_embedding_type'] === 'rope' ? {} : { ropeLayers: new Array<boolean>(layers).fill(false) }),
      ...(fields['num_local_experts'] === 0
        ? {}
        : { experts: expertsFromHuggingFace(fields, config, subject, { count: 8, used: 2, normalize: true }) }),
      recurrent: stateSpacesOf(
        { ...fields, mamba_d_head: headDim },
        {
          ...{ heads: 'mamba_n_heads', headDim: 'mamba_d_head', groups: 'mamba_n_groups', state: 'mamba_d_state' },
          ...{ taps: 'mamba_d_conv', bias: 'mamba_conv_bias' },
        },
        { heads: 128, headDim, groups: 1, state: 256 },
        stateLayers(fields, layers),
        subject,
      ),
    };
  },
};

/** Granite 4: Mamba-2 in most blocks, attention in the others, mixtures of experts or none, Granite's four factors. */
export const granitehybrid: Architecture = {
  name: 'granitehybrid',
  huggingFace: [huggingFace],
  ropeStyle: 'interleaved',
  names: { ...interleavedNames, ...stateSpaceNames('mamba'), ...feedForwardNames },
  graph: (config) => causalModel(config, (build, x, layer) => block(build, x, layer, config)),
  readGguf: (keys, config, tensors) => {
    const kvHeads = keys.perLayer('attention.head_count_kv', config.layers)!;
    return {
      ...readGraniteFactors(keys),
      // The key says that RoPE was trained: where it was not, no block looks at positions.
      ...(keys.get('rope.scaling.finetuned') === false
        ? { ropeLayers: new Array<boolean>(config.layers).fill(false) }
        : {}),
      experts: expertsFromGguf(keys, config, { normalize: true }),
      recurrent: readStateSpaces(
        keys,
        kvHeads.map((count) => count === 0),
        tensors,
      ),
    };
  },
  *metadata(config) {
    yield* cachelessMetadata(config);
    yield* graniteFactorMetadata(config);
    yield* stateSpaceMetadata(config);
    yield* expertsMetadata(config, { feedForward: false, shared: 'width' });
    yield ['rope.scaling.finetuned', { type: 'bool', value: config.ropeLayers === undefined }];
  },
};

function block(build: GraphBuilder, x: ValueId, layer: number, config: ModelConfig): ValueId {
  const { hidden, normEpsilon, recurrent, scales, ropeLayers } = config;
  const { layers, taps, plain, heads } = recurrent!;
  const branch = (rows: ValueId, name: string, made: (normed: ValueId) => ValueId): ValueId => {
    const gain = build.weight(`blk.${layer}.${name}.weight`, [hidden]);
    const added = made(build.node('rmsNorm', [rows, gain], { epsilon: normEpsilon }));
    const scaled = build.node('scale', [added], { factor: scales?.residual ?? 1 });
    return build.node('add', [scaled, rows]);
  };
  const mid = branch(x, 'attn_norm', (normed) => {
    if (layers[layer])
      return mamba2(build, normed, { layer, hidden, taps, heads: heads!, normEpsilon, plainConvolution: plain });
    const rope = ropeLayers === undefined ? ropePart(config.rope) : undefined;
    const part = { ...config, layer, rope, window: undefined, temperature: undefined };
    return selfAttention(build, normed, { ...part, scale: config.attentionScale });
  });
  return branch(mid, 'ffn_norm', (normed) =>
    config.experts === undefined
      ? gatedMlp(build, normed, { ...config, layer, activation: 'silu' })
      : experts(build, normed, { ...config.experts, layer, hidden, activation: 'silu' }),
  );
}
