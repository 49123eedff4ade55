import { FormatError } from '../../core/errors.ts';
import type { Graph } from '../../graph/types.ts';
import { asObject, readInteger } from '../config-fields.ts';
import { expertsFromGguf, expertsFromHuggingFace, expertsMetadata } from '../experts-config.ts';
import type { GgufKeys } from '../gguf-keys.ts';
import { commonNames } from '../names.ts';
import { causalModel, preNormed } from '../parts/causalModel.ts';
import { latentAttention } from '../parts/latentAttention.ts';
import { ropePart } from '../rope.ts';
import type { ExpertsConfig, LatentConfig, ModelConfig, RopeConfig } from '../types.ts';
import { blockParts } from './family.ts';
import type { Architecture, ConfigFields, Conversion, HuggingFaceClass, TensorName } from './types.ts';

const attention = (name: string): string => `model.layers.{layer}.self_attn.${name}.weight`;
const mlp = (name: string): string => `model.layers.{layer}.mlp.${name}`;

/** Experts apart, or the rows of gate and up of all in one tensor. */
const half = (name: string, index: number): TensorName => ({
  huggingFace: [mlp(`experts.{expert}.${name}.weight`), { name: mlp('experts.gate_up_proj'), part: { index, of: 2 } }],
});

/** Rows of a head in the matrix that makes keys and values of latent vectors: its keys', then its values'. */
function rowsOfHead({ heads, latent }: ModelConfig, first: 'keys' | 'values'): Conversion {
  const { plain, value } = latent!;
  const [own, start] = first === 'keys' ? [plain, 0] : [value, plain];
  return {
    rows: heads * (plain + value),
    row: (row) => Math.floor(row / own) * (plain + value) + start + (row % own),
  };
}

/** One of the two; files of before 2025 have both in one, as checkpoints do. */
const fromBoth = (first: 'keys' | 'values'): TensorName => ({
  huggingFace: attention('kv_b_proj'),
  gguf: [{ name: 'blk.{layer}.attn_kv_b.weight', asInCheckpoints: true }],
  convert: (config) => rowsOfHead(config, first),
});

/** What stretching the context does to scores. @see DeepSeek-V2's modeling_deepseek.py, `yarn_get_mscale` */
function scaleOf({ plain, rotated, magnitude }: LatentConfig, { scaling }: RopeConfig): number {
  const stretched = scaling?.type === 'yarn' ? 1 + 0.1 * (magnitude ?? 0) * Math.log(scaling.factor) : 1;
  return stretched ** 2 / Math.sqrt(plain + rotated);
}

/** RoPE whose cos and sin are as they are: attention's scale has all of the stretching. */
function plainRope(rope: RopeConfig, magnitude: number | undefined): RopeConfig {
  const { scaling } = rope;
  if (scaling?.type !== 'yarn' || magnitude === undefined) return rope;
  return { ...rope, scaling: { ...scaling, attentionFactor: 1, logMultiplier: 1 } };
}

function latentFields(fields: ConfigFields, subject: string): LatentConfig {
  const integer = (key: string): number => readInteger(fields, key, subject);
  const parameters = asObject(fields['rope_parameters'] ?? fields['rope_scaling'] ?? {}, subject);
  const { mscale = 1, mscale_all_dim: magnitude } = parameters;
  if (magnitude !== undefined && magnitude !== mscale)
    throw new FormatError(
      `${subject}: mscale ${mscale} and mscale_all_dim ${magnitude} differ, which is not supported`,
    );
  return {
    ...(fields['q_lora_rank'] == null ? {} : { queryRank: integer('q_lora_rank') }),
    rank: integer('kv_lora_rank'),
    plain: integer('qk_nope_head_dim'),
    rotated: integer('qk_rope_head_dim'),
    value: integer('v_head_dim'),
    ...(typeof magnitude === 'number' ? { magnitude } : {}),
  };
}

/** A class of Transformers; heads have one key and value together, of the latent vector and its rotated part. */
function classOf(modelType: string, names: readonly string[], traits: Partial<ExpertsConfig>): HuggingFaceClass {
  return {
    modelType,
    names,
    defaults: { contextLength: 4096 },
    canonical: (fields) => ({ head_dim: fields['qk_rope_head_dim'], num_key_value_heads: 1 }),
    read: (fields, config, subject) => {
      const latent = latentFields(fields, subject);
      const experts = expertsFromHuggingFace(fields, config, subject, traits);
      const rope = plainRope(config.rope, latent.magnitude);
      return { headDim: latent.rank + latent.rotated, latent, experts, rope };
    },
  };
}

/** Sigmoids chosen by a bias, within groups. */
const V3 = { gating: 'sigmoid', normalize: true, selectionBias: true } as const satisfies Partial<ExpertsConfig>;

function latentKeys(keys: GgufKeys, { headDim, heads }: ModelConfig): LatentConfig {
  const rotated = keys.integer('rope.dimension_count');
  const isSplit = keys.get('attention.key_length_mla') !== undefined;
  const key = isSplit ? keys.integer('attention.key_length_mla') : headDim;
  const magnitude = keys.get('rope.scaling.yarn_log_multiplier');
  if (!(heads > 0 && key > rotated))
    throw new FormatError(`GGUF: keys of ${key} dimensions, of which RoPE turns ${rotated}, have no others`);
  return {
    ...(keys.get('attention.q_lora_rank') ? { queryRank: keys.integer('attention.q_lora_rank') } : {}),
    rank: keys.integer('attention.kv_lora_rank'),
    plain: key - rotated,
    rotated,
    value: keys.integer(isSplit ? 'attention.value_length_mla' : 'attention.value_length'),
    ...(typeof magnitude === 'number' ? { magnitude: 10 * magnitude } : {}),
  };
}

function graph(config: ModelConfig): Graph {
  const { hidden, normEpsilon: epsilon, latent } = config;
  const { feedForward } = blockParts(config, {});
  const part = { ...config, ...latent!, rope: ropePart(config.rope), scale: scaleOf(latent!, config.rope) };
  return causalModel(config, (build, x, layer) => {
    const norm = (name: string) => ({ tensor: `blk.${layer}.${name}.weight`, hidden, epsilon });
    const mid = preNormed(build, x, norm('attn_norm'), (normed) => latentAttention(build, normed, { ...part, layer }));
    return preNormed(build, mid, norm('ffn_norm'), (normed) => feedForward(build, normed, layer));
  });
}

/** DeepSeek V2, V3 and R1, Moonlight, Kimi K2: latent attention, shared and routed experts behind dense blocks. */
export const deepseek2: Architecture = {
  name: 'deepseek2',
  huggingFace: [
    classOf('deepseek_v3', ['DeepseekV3ForCausalLM', 'DeepseekV3Model'], V3),
    classOf('deepseek_v2', ['DeepseekV2ForCausalLM', 'DeepseekV2Model'], { gating: 'softmax' }),
  ],
  ropeStyle: 'interleaved',
  latentKeys: true,
  names: {
    ...commonNames,
    attn_q: attention('q_proj'),
    attn_q_a: attention('q_a_proj'),
    attn_q_a_norm: attention('q_a_layernorm'),
    attn_q_b: attention('q_b_proj'),
    attn_kv_a_mqa: attention('kv_a_proj_with_mqa'),
    attn_kv_a_norm: attention('kv_a_layernorm'),
    attn_k_b: { ...fromBoth('keys'), transposed: true },
    attn_v_b: fromBoth('values'),
    ffn_gate_inp: { huggingFace: mlp('gate.weight'), exact: true },
    'exp_probs_b.bias': mlp('gate.e_score_correction_bias'),
    ffn_gate_exps: half('gate_proj', 0),
    ffn_up_exps: half('up_proj', 1),
    ffn_down_exps: { huggingFace: [mlp('experts.{expert}.down_proj.weight'), mlp('experts.down_proj')] },
    ffn_gate_shexp: mlp('shared_experts.gate_proj.weight'),
    ffn_up_shexp: mlp('shared_experts.up_proj.weight'),
    ffn_down_shexp: mlp('shared_experts.down_proj.weight'),
  },
  graph,
  readGguf: (keys, config, tensors) => {
    const latent = latentKeys(keys, config);
    const dense = Number(keys.get('leading_dense_block_count') ?? 0);
    const experts = expertsFromGguf(keys, config, {
      selectionBias: tensors.has(`blk.${dense}.exp_probs_b.bias`),
    });
    const rope = plainRope(config.rope, latent.magnitude);
    return { headDim: latent.rank + latent.rotated, kvHeads: 1, latent, experts, rope };
  },
  metadata: function* (config) {
    const { queryRank, rank, plain, rotated, value, magnitude } = config.latent!;
    const uint = (key: string, number: number) => [key, { type: 'uint32', value: number }] as const;
    if (queryRank !== undefined) yield uint('attention.q_lora_rank', queryRank);
    yield uint('attention.head_count_kv', 1);
    yield uint('attention.kv_lora_rank', rank);
    yield uint('attention.key_length', rank + rotated);
    yield uint('attention.value_length', rank);
    yield uint('attention.key_length_mla', plain + rotated);
    yield uint('attention.value_length_mla', value);
    yield* expertsMetadata(config, { shared: 'count', router: true });
    if (config.rope.scaling?.type === 'yarn' && magnitude !== undefined)
      yield ['rope.scaling.yarn_log_multiplier', { type: 'float32', value: 0.1 * magnitude }];
  },
};
