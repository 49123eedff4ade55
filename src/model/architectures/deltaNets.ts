import { FormatError } from '../../core/errors.ts';
import { GraphBuilder } from '../../graph/build.ts';
import type { Graph, ValueId } from '../../graph/types.ts';
import type { TypedMetadata } from '../../text/types.ts';
import { readInteger } from '../config-fields.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import { commonNames } from '../names.ts';
import { selfAttention } from '../parts/attention.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { experts } from '../parts/experts.ts';
import { type GatedDeltaNetPart, gatedDeltaNet } from '../parts/gatedDeltaNet.ts';
import { gatedMlp } from '../parts/gatedMlp.ts';
import { ropePart } from '../rope.ts';
import type { ModelConfig, RecurrentConfig, RecurrentHeads } from '../types.ts';
import type { ConfigFields, Conversion, TensorName, TensorNames } from './types.ts';

/* What Qwen's models with gated delta nets in most of their blocks have in common. */

/** Every fourth block attends. */
const INTERVAL = 4;

const inBlock = (name: string): string => `model.layers.{layer}.${name}`;

/** Gains are stored as their distance from 1, but for those behind the recurrence. */
const norm = (name: string): TensorName => ({ huggingFace: inBlock(`${name}.weight`), addend: 1 });

export const deltaNetNames: TensorNames = {
  ...commonNames,
  output_norm: { huggingFace: 'model.norm.weight', addend: 1 },
  attn_norm: norm('input_layernorm'),
  post_attention_norm: norm('post_attention_layernorm'),
  attn_q_norm: norm('self_attn.q_norm'),
  attn_k_norm: norm('self_attn.k_norm'),
  ssm_norm: inBlock('linear_attn.norm.weight'),
  'nextn.eh_proj': 'mtp.fc.weight',
  'nextn.enorm': { huggingFace: 'mtp.pre_fc_norm_embedding.weight', addend: 1 },
  'nextn.hnorm': { huggingFace: 'mtp.pre_fc_norm_hidden.weight', addend: 1 },
  'nextn.shared_head_norm': { huggingFace: 'mtp.norm.weight', addend: 1, optional: true },
};

export function headsOf({ recurrent }: ModelConfig): RecurrentHeads {
  if (recurrent?.heads === undefined) throw new RangeError('a delta net without heads');
  return recurrent.heads;
}

/** exp of what is stored, as the rate that it stands for. */
export const negativeExponential = (value: number): number => -Math.exp(value);

/** Delta nets in most blocks, gated attention in the others; in every block experts or one feed-forward part. */
export function deltaNetGraph(config: ModelConfig, traits: Pick<GatedDeltaNetPart, 'tiled' | 'fusedGates'>): Graph {
  const { layers, taps } = config.recurrent!;
  const rope = ropePart(config.rope);
  return causalModel(config, (build, x, layer) =>
    block(build, x, layer, config, (normed) =>
      layers[layer]
        ? gatedDeltaNet(build, normed, { ...config, ...traits, layer, taps, heads: headsOf(config) })
        : attention(build, normed, layer, config, rope),
    ),
  );
}

function attention(
  build: GraphBuilder,
  x: ValueId,
  layer: number,
  config: ModelConfig,
  rope: ReturnType<typeof ropePart>,
): ValueId {
  const part = { ...config, layer, rope, window: undefined, temperature: undefined };
  return selfAttention(build, x, { ...part, qkNorm: 'heads', outputGate: true });
}

/** x + mixer(norm(x)), then the feed-forward part. */
function block(
  build: GraphBuilder,
  x: ValueId,
  layer: number,
  config: ModelConfig,
  mixer: (normed: ValueId) => ValueId,
): ValueId {
  const { hidden, normEpsilon: epsilon } = config;
  const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
  const mid = preNormed(build, x, norm('attn_norm'), mixer);
  return preNormed(build, mid, norm('post_attention_norm'), (normed) =>
    config.experts === undefined
      ? gatedMlp(build, normed, { ...config, layer, activation: 'silu' })
      : experts(build, normed, { ...config.experts, layer, hidden, activation: 'silu' }),
  );
}

/**
 * The block that predicts the token after the next: it reads the next token's embedding and what the model's last block made of
 * this one, attends, and shares the head.
 */
export function deltaNetNextTokens(config: ModelConfig): Graph {
  const { hidden, vocabulary, normEpsilon: epsilon, layers, tied } = config;
  const build = new GraphBuilder();
  const name = (suffix: string): string => `blk.${layers}.nextn.${suffix}.weight`;
  const normed = (rows: ValueId, suffix: string): ValueId =>
    build.node('rmsNorm', [rows, build.weight(name(suffix), [hidden])], { epsilon });
  const embedding = build.weight('token_embd.weight', [vocabulary, hidden]);
  const next = build.node('lookup', [build.input('tokens', 'i32', [{ of: 'tokens', times: 1 }]), embedding]);
  const made = build.input('hidden', 'f32', [{ of: 'tokens', times: 1 }, hidden]);
  const both = build.node('join', [normed(next, 'enorm'), normed(made, 'hnorm')], { widths: [hidden, hidden] });
  const x = build.node('linear', [both, build.weight(name('eh_proj'), [hidden, 2 * hidden])]);
  const rope = ropePart(config.rope);
  const out = block(build, x, layers, config, (rows) => attention(build, rows, layers, config, rope));
  const head = tied ? embedding : build.weight('output.weight', [vocabulary, hidden]);
  return build.finish([build.node('linear', [normed(out, 'shared_head_norm'), head])]);
}

/** What config.json says of the blocks without attention. */
export function deltaNetsOf(fields: ConfigFields, layers: number, subject: string): RecurrentConfig {
  const integer = (key: string, fallback: number): number => readInteger(fields, key, subject, fallback);
  const { layer_types: types } = fields;
  const interval = integer('full_attention_interval', INTERVAL);
  const isRecurrent = (layer: number): boolean =>
    Array.isArray(types) ? types[layer] === 'linear_attention' : (layer + 1) % interval !== 0;
  return {
    layers: Array.from({ length: layers }, (_, layer) => isRecurrent(layer)),
    taps: integer('linear_conv_kernel_dim', 4),
    heads: {
      count: integer('linear_num_value_heads', 32),
      keys: integer('linear_num_key_heads', 16),
      keyDim: integer('linear_key_head_dim', 128),
      valueDim: integer('linear_value_head_dim', 128),
    },
  };
}

/** The same from GGUF, which has no other size for values than for keys. */
export function readDeltaNets(keys: GgufKeys, { layers }: ModelConfig): { recurrent: RecurrentConfig } {
  const count = keys.integer('ssm.time_step_rank');
  const flags = keys.get('attention.recurrent_layers');
  const interval = keys.integer('full_attention_interval', INTERVAL);
  const isRecurrent = (layer: number): boolean =>
    Array.isArray(flags) ? Boolean(flags[layer]) : (layer + 1) % interval !== 0;
  return {
    recurrent: {
      layers: Array.from({ length: layers }, (_, layer) => isRecurrent(layer)),
      taps: keys.integer('ssm.conv_kernel'),
      heads: {
        count,
        keys: keys.integer('ssm.group_count'),
        keyDim: keys.integer('ssm.state_size'),
        valueDim: keys.integer('ssm.inner_size') / count,
      },
    },
  };
}

export function* deltaNetMetadata(config: ModelConfig): Iterable<readonly [string, TypedMetadata]> {
  const { count, keys, keyDim, valueDim } = headsOf(config);
  if (keyDim !== valueDim)
    throw new FormatError(
      `model: values of ${valueDim} numbers under keys of ${keyDim}, which GGUF cannot say of delta nets`,
    );
  const layers = config.recurrent!.layers;
  yield ['attention.key_length', { type: 'uint32', value: config.headDim }];
  yield ['attention.value_length', { type: 'uint32', value: config.headDim }];
  yield ['ssm.conv_kernel', { type: 'uint32', value: config.recurrent!.taps }];
  yield ['ssm.state_size', { type: 'uint32', value: keyDim }];
  yield ['ssm.group_count', { type: 'uint32', value: keys }];
  yield ['ssm.time_step_rank', { type: 'uint32', value: count }];
  yield ['ssm.inner_size', { type: 'uint32', value: count * valueDim }];
  // Blocks that predict further tokens attend.
  const others = new Array<boolean>(config.nextTokenBlocks ?? 0).fill(false);
  yield ['attention.recurrent_layers', { type: 'array:bool', value: [...layers, ...others] }];
  const first = layers.indexOf(false);
  yield ['full_attention_interval', { type: 'uint32', value: first === -1 ? INTERVAL : first + 1 }];
}

/** RoPE's sections, where images are told apart by time, height and width; text has one position for all. */
export function* sectionMetadata({ rope }: ModelConfig): Iterable<readonly [string, TypedMetadata]> {
  const sections = [...(rope.sections ?? SECTIONS), 0, 0, 0, 0].slice(0, 4);
  yield ['rope.dimension_sections', { type: 'array:int32', value: sections }];
}

/** `mrope_section` where config.json does not say. */
const SECTIONS = [11, 11, 10];

/**
 * Tensors whose heads of values stand in the order of their heads of keys in Hugging Face's checkpoints, and in turns (of every
 * head of keys the first, then of every one the second …) in GGUF.
 */
export const tiledNames: TensorNames = {
  attn_qkv: {
    huggingFace: inBlock('linear_attn.in_proj_qkv.weight'),
    convert: (config) => ({ row: behindKeys(config) }),
  },
  ssm_conv1d: {
    huggingFace: inBlock('linear_attn.conv1d.weight'),
    convert: (config) => ({ row: behindKeys(config) }),
    exact: true,
  },
  attn_gate: {
    huggingFace: inBlock('linear_attn.in_proj_z.weight'),
    convert: (config) => ({ row: inTurns(config, headsOf(config).valueDim) }),
  },
  ssm_beta: { huggingFace: inBlock('linear_attn.in_proj_b.weight'), convert: perHead },
  ssm_alpha: { huggingFace: inBlock('linear_attn.in_proj_a.weight'), convert: perHead },
  'ssm_dt.bias': { huggingFace: inBlock('linear_attn.dt_bias'), convert: perHead },
  ssm_a: {
    huggingFace: inBlock('linear_attn.A_log'),
    convert: (config) => ({ ...perHead(config), value: negativeExponential }),
  },
  ssm_out: {
    huggingFace: inBlock('linear_attn.out_proj.weight'),
    convert: (config) => ({ column: inTurns(config, headsOf(config).valueDim) }),
  },
};

function perHead(config: ModelConfig): Conversion {
  return { row: inTurns(config, 1) };
}

/** Where a number of a head of values stands, `size` numbers a head. */
function inTurns(config: ModelConfig, size: number): (at: number) => number {
  const { count, keys } = headsOf(config);
  return (at) => {
    const head = Math.floor(at / size);
    return ((head % keys) * (count / keys) + Math.floor(head / keys)) * size + (at % size);
  };
}

/** The same behind queries and keys, which stay. */
function behindKeys(config: ModelConfig): (row: number) => number {
  const { keys, keyDim, valueDim } = headsOf(config);
  const [start, values] = [2 * keys * keyDim, inTurns(config, valueDim)];
  return (row) => (row < start ? row : start + values(row - start));
}
