import { FormatError } from '../core/errors.ts';
import type { TypedMetadata } from '../text/types.ts';
import type { ConfigFields } from './architectures/types.ts';
import { readInteger, readNumber } from './config-fields.ts';
import type { GgufKeys } from './gguf-keys.ts';
import type { ExpertsConfig, ModelConfig } from './types.ts';

/*
 * Mixtures of experts in config.json and in GGUF. What a file does not say is the architecture's own: each function takes
 * what is known of the experts already.
 */

/** What an architecture knows of its experts; the rest stands in files. */
export type ExpertsTraits = Partial<ExpertsConfig>;

/** Names of one fact in the classes of Transformers, the first found counts. */
const COUNT = ['num_experts', 'num_local_experts', 'n_routed_experts'];
const SHARED = ['shared_expert_intermediate_size', 'shared_intermediate_size'];

/**
 * Experts of a config.json, by the fields of the classes that have them.
 * @param config whose feed-forward width experts have where no field names theirs
 * @throws FormatError
 */
export function expertsFromHuggingFace(
  fields: ConfigFields,
  config: Pick<ModelConfig, 'feedForward' | 'layers'>,
  subject: string,
  traits: ExpertsTraits = {},
): ExpertsConfig {
  const named = (names: readonly string[]): string => names.find((name) => fields[name] != null) ?? names[0];
  const feedForward = readInteger(fields, 'moe_intermediate_size', subject, config.feedForward);
  const normalize = fields['norm_topk_prob'];
  const scale = readNumber(fields, 'routed_scaling_factor', subject, traits.scale ?? 1);
  return {
    ...traits,
    count: readInteger(fields, named(COUNT), subject, traits.count),
    used: readInteger(fields, 'num_experts_per_tok', subject, traits.used),
    feedForward,
    ...optional('sharedFeedForward', sharedWidth(fields, feedForward, named(SHARED), traits)),
    ...optional('normalize', typeof normalize === 'boolean' ? normalize : traits.normalize),
    ...optional('scale', scale === 1 ? undefined : Math.fround(scale)),
    ...optional('groups', groupsOf(fields, subject)),
    ...optional('layers', withExperts(fields, config.layers)),
  };
}

/** Width of a shared expert: named, or as many experts' as there are shared ones; 0 is none. */
function sharedWidth(
  fields: ConfigFields,
  feedForward: number,
  name: string,
  traits: ExpertsTraits,
): number | undefined {
  const shared = fields['n_shared_experts'];
  const width = fields[name] ?? (typeof shared === 'number' ? shared * feedForward : traits.sharedFeedForward);
  return typeof width === 'number' && width > 0 ? width : undefined;
}

function groupsOf(fields: ConfigFields, subject: string): ExpertsConfig['groups'] {
  const count = readInteger(fields, 'n_group', subject, 1);
  if (count === 1) return undefined;
  return { count, used: readInteger(fields, 'topk_group', subject, count), best: 2 };
}

/** Blocks with experts: from `first_k_dense_replace` on, every `decoder_sparse_step`-th, none of `mlp_only_layers`. */
function withExperts(fields: ConfigFields, layers: number): readonly boolean[] | undefined {
  const { first_k_dense_replace: first = 0, decoder_sparse_step: step = 1, mlp_only_layers: dense = [] } = fields;
  const found = Array.from({ length: layers }, (_, layer) => {
    const isDense = Array.isArray(dense) && dense.includes(layer);
    return layer >= Number(first) && (layer + 1) % Number(step) === 0 && !isDense;
  });
  return found.every(Boolean) ? undefined : found;
}

/** How `expert_gating_func` counts; 3, a softmax over the chosen, is a softmax over all whose chosen are normalized. */
const GATING: readonly (ExpertsTraits | undefined)[] = [
  undefined,
  { gating: 'softmax' },
  { gating: 'sigmoid' },
  { gating: 'softmax', normalize: true },
];

/**
 * Experts of a GGUF file; undefined where `expert_count` is absent or 0.
 * @throws FormatError
 */
export function expertsFromGguf(
  keys: GgufKeys,
  { feedForward, layers }: Pick<ModelConfig, 'feedForward' | 'layers'>,
  traits: ExpertsTraits = {},
): ExpertsConfig | undefined {
  if (!Number(keys.get('expert_count'))) return undefined;
  const width = keys.integer('expert_feed_forward_length', traits.feedForward ?? feedForward);
  const shared = Number(keys.get('expert_shared_count') ?? 0) * width || traits.sharedFeedForward;
  const normalize = keys.get('expert_weights_norm');
  const scale = Number(keys.get('expert_weights_scale') ?? 0) || (traits.scale ?? 1);
  const dense = Number(keys.get('leading_dense_block_count') ?? 0);
  const groups = Number(keys.get('expert_group_count') ?? 1);
  return {
    ...traits,
    count: keys.integer('expert_count'),
    used: keys.integer('expert_used_count'),
    feedForward: width,
    ...gatingOf(keys),
    ...optional('sharedFeedForward', Number(keys.get('expert_shared_feed_forward_length') ?? 0) || shared),
    ...(typeof normalize === 'boolean' ? { normalize } : {}),
    ...optional('scale', scale === 1 ? undefined : scale),
    ...(groups > 1
      ? { groups: { count: groups, used: keys.integer('expert_group_used_count', groups), best: 2 } }
      : {}),
    ...(dense > 0 ? { layers: Array.from({ length: layers }, (_, layer) => layer >= dense) } : {}),
  };
}

function gatingOf(keys: GgufKeys): ExpertsTraits {
  const value = keys.get('expert_gating_func');
  if (value === undefined || value === 0) return {};
  const found = GATING[Number(value)];
  if (found === undefined)
    throw new FormatError(
      `GGUF: expert_gating_func is ${value}, expected 1 (softmax), 2 (sigmoid) or 3 (of the chosen)`,
    );
  return found;
}

/** Which of the keys an architecture's files have beside the counts. */
export interface ExpertsKeys {
  readonly feedForward?: boolean;
  /** Of shared experts: their width, or how many experts' width they have. */
  readonly shared?: 'width' | 'count';
  /** Gating, normalization, scale, groups and leading dense blocks. */
  readonly router?: boolean;
}

/** The same, to be written as llama.cpp's converter does. Keys without `NAME.`. */
export function* expertsMetadata(
  { experts }: ModelConfig,
  { feedForward = true, shared, router = false }: ExpertsKeys = {},
): Generator<readonly [string, TypedMetadata]> {
  if (experts === undefined) return;
  const uint = (key: string, value: number) => [key, { type: 'uint32', value }] as const;
  yield uint('expert_count', experts.count);
  yield uint('expert_used_count', experts.used);
  if (feedForward) yield uint('expert_feed_forward_length', experts.feedForward);
  if (shared === 'width' && experts.sharedFeedForward)
    yield uint('expert_shared_feed_forward_length', experts.sharedFeedForward);
  if (shared === 'count') yield uint('expert_shared_count', (experts.sharedFeedForward ?? 0) / experts.feedForward);
  if (!router) return;
  const dense = experts.layers?.indexOf(true) ?? 0;
  yield uint('leading_dense_block_count', dense);
  yield uint('expert_gating_func', experts.gating === 'sigmoid' ? 2 : 1);
  yield ['expert_weights_scale', { type: 'float32', value: experts.scale ?? 1 }];
  yield ['expert_weights_norm', { type: 'bool', value: experts.normalize ?? false }];
  if (experts.groups === undefined) return;
  yield uint('expert_group_count', experts.groups.count);
  yield uint('expert_group_used_count', experts.groups.used);
}

/** A field that is there where it has a value. */
function optional<K extends string, T>(name: K, value: T | undefined): { [key in K]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: T };
}
