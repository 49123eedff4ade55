import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { TensorSource, TensorSpec } from './architectures/types.ts';
import { type CheckpointNames, nameInFile } from './checkpoint-names.ts';
import { isOfNextTokens, remarksOnKept, remarksOnNextTokens } from './next-tokens.ts';
import { converted, partOfTensor, stackedTensor, tensorFromEntry } from './tensors.ts';
import type { ModelConfig, ModelTensor } from './types.ts';

/** The tensors of a model, and what is worth saying of the others. */
export interface Collected {
  /** By GGUF name, in GGUF's order. */
  readonly tensors: Map<string, ModelTensor>;
  readonly remarks: readonly string[];
}

/** Tensors that older checkpoints carry and nobody reads. */
const IGNORED =
  /rotary_emb\.(?:inv_freq|cos_cached|sin_cached)$|attn_rot_embd\.weight$|\.(?:position_ids|masked_bias)$/;

/** @throws FormatError when tensors are missing, unknown or of another shape */
export function collectGguf(
  file: TensorFile,
  specs: readonly TensorSpec[],
  config: ModelConfig,
  unread?: RegExp,
): Collected {
  const isNext = (name: string): boolean => isOfNextTokens(name, config, /^blk\.(\d+)\./);
  const collected = collect(
    file,
    specs,
    ({ name, gguf }) => [{ name }, ...gguf],
    false,
    (name) => isNext(name) || unread?.test(name) === true,
  );
  return withRemarks(collected, file, config, isNext);
}

/** What was collected, with what is worth saying of blocks that were left out. */
function withRemarks(
  { tensors, remarks }: Collected,
  file: TensorFile,
  config: ModelConfig,
  isNext: (name: string) => boolean,
): Collected {
  const kept = [...tensors.values()].filter((tensor) => tensor.kept);
  if (kept.length > 0) return { tensors, remarks: [...remarks, ...remarksOnKept(kept, config)] };
  const left = [...file.tensors.keys()].filter(isNext);
  return { tensors, remarks: [...remarks, ...remarksOnNextTokens(left, config)] };
}

/**
 * @param names under which the checkpoint keeps its language model
 * @param options.isPart whether the checkpoint is known to hold other parts, which are then left out
 * @param options.unread tensors that nobody reads, by their names
 * @throws FormatError when tensors are missing, unknown or of another shape
 */
export function collectHuggingFace(
  file: TensorFile,
  specs: readonly TensorSpec[],
  names: CheckpointNames,
  config: ModelConfig,
  { isPart, unread }: { readonly isPart: boolean; readonly unread?: RegExp },
): Collected {
  const isTied = !specs.some(({ role }) => role === 'output');
  const sourcesOf = ({ huggingFace, role }: TensorSpec): readonly TensorSource[] => {
    const found = huggingFace.map((source) => ({ ...source, name: nameInFile(source.name, names) }));
    // Of tied weights a file may keep either name.
    return role === 'token_embd' && isTied && names.head !== undefined ? [...found, { name: names.head }] : found;
  };
  if (!isTied && names.head === undefined) {
    throw new FormatError(
      'model: lm_head.weight is missing, and config.json does not say tie_word_embeddings; ' +
        'the checkpoint was saved without its output head: take one that has it',
    );
  }
  const others = isPart ? (name: string) => !name.startsWith(names.prefix) : () => false;
  // A tied model may still carry a copy of its embedding as head.
  const isNext = (name: string): boolean =>
    name.startsWith(names.prefix) && isOfNextTokens(name.slice(names.prefix.length), config, /^layers\.(\d+)\./);
  const isAllowed = (name: string): boolean =>
    name === names.head || others(name) || isNext(name) || unread?.test(name) === true;
  return withRemarks(collect(file, specs, sourcesOf, true, isAllowed, others), file, config, isNext);
}

function collect(
  file: TensorFile,
  specs: readonly TensorSpec[],
  sourcesOf: (spec: TensorSpec) => readonly TensorSource[],
  fromCheckpoint: boolean,
  isAllowed: (name: string) => boolean = () => false,
  isOther: (name: string) => boolean = () => false,
): Collected {
  const tensors = new Map<string, ModelTensor>();
  const missing: string[] = [];
  const read = new Set<string>();
  for (const spec of specs) {
    const sources = sourcesOf(spec);
    const source = sources.find((each) => expertNames(spec, each).every((name) => file.tensors.has(name)));
    if (source === undefined) {
      if (sources.length > 0 && !spec.optional) missing.push(missingName(file, spec, sources[0]));
      continue;
    }
    tensors.set(spec.name, tensorOf(file, spec, source, fromCheckpoint));
    for (const each of expertNames(spec, source)) read.add(each);
  }
  if (missing.length > 0)
    throw new FormatError(
      `model: ${listed(missing)} missing in the file; fetch all of its files again, config.json among them`,
    );
  const rest = [...file.tensors.keys()].filter((name) => !read.has(name) && !IGNORED.test(name));
  const unknown = rest.filter((name) => !isAllowed(name));
  if (unknown.length > 0)
    throw new FormatError(`model: ${listed(unknown)} not known to this architecture${hintOf(unknown, file)}`);
  const left = rest.filter(isOther);
  return { tensors, remarks: remarksOn(left) };
}

/** @param left names of tensors of other parts, told by their first word: `vision_tower`, `model.vision_tower` */
function remarksOn(left: readonly string[]): string[] {
  const parts = new Set(left.map((name) => /^(?:model\.)?[^.]+/.exec(name)![0]));
  return parts.size > 0 ? [`the language model is read alone, without ${[...parts].join(', ')}`] : [];
}

/** The first of a source's names that is not there. */
function missingName(file: TensorFile, spec: TensorSpec, source: TensorSource): string {
  return expertNames(spec, source).find((name) => !file.tensors.has(name)) ?? source.name;
}

/** Names of the matrices that a tensor is stacked from; its own where it stands whole. */
function expertNames({ experts }: TensorSpec, { name }: TensorSource): string[] {
  if (experts === undefined || !name.includes('{expert}')) return [name];
  return Array.from({ length: experts }, (_, expert) => name.replace('{expert}', String(expert)));
}

/**
 * A tensor from where it stands, all of whose names are in the file.
 * @param fromCheckpoint whether rows and values are to be brought into GGUF's layout
 */
function tensorOf(file: TensorFile, named: TensorSpec, source: TensorSource, isCheckpoint: boolean): ModelTensor {
  const spec = source.transposed ? { ...named, transposed: true } : named;
  const fromCheckpoint = isCheckpoint || source.asInCheckpoints === true;
  const entries = expertNames(spec, source).map((name) => file.tensors.get(name)!);
  const { shape, experts = 1 } = spec;
  const times = source.part?.of ?? 1;
  const stored = { ...spec, shape: [Math.round(shape[0] * times), ...shape.slice(1)] };
  const one = { ...stored, experts: undefined, shape: [stored.shape[0] / experts, ...shape.slice(1)] };
  const whole =
    entries.length === 1
      ? tensorFromEntry(entries[0], stored, fromCheckpoint)
      : stackedTensor(
          stored,
          entries.map((entry) => tensorFromEntry(entry, one, fromCheckpoint)),
        );
  const tensor = source.part === undefined ? whole : partOfTensor(whole, spec, source.part);
  return fromCheckpoint ? converted(tensor, spec) : tensor;
}

/** Why tensors may be unknown. */
function hintOf(unknown: readonly string[], { container }: TensorFile): string {
  return container === 'safetensors' && unknown.every((name) => name.endsWith('.bias'))
    ? '; config.json does not ask for biases (attention_bias, mlp_bias): take it from where the weights came from'
    : '; the weights may be of another model or a newer version of it';
}

function listed(names: string[]): string {
  const shown = names.slice(0, 3).join(', ');
  const rest = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${shown}${rest} ${names.length === 1 ? 'is' : 'are'}`;
}
