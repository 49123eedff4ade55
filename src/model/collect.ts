import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { TensorSpec } from './architectures/types.ts';
import { type CheckpointNames, nameInFile } from './checkpoint-names.ts';
import { converted, stackedTensor, tensorFromEntry } from './tensors.ts';
import type { ModelTensor } from './types.ts';

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
export function collectGguf(file: TensorFile, specs: readonly TensorSpec[]): Collected {
  return collect(file, specs, (spec) => spec.name, false);
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
  { isPart, unread }: { readonly isPart: boolean; readonly unread?: RegExp },
): Collected {
  const embedding = specs.find(({ role }) => role === 'token_embd')?.huggingFace;
  const isTied = !specs.some(({ role }) => role === 'output');
  const nameOf = ({ huggingFace }: TensorSpec): string | undefined => {
    if (huggingFace === undefined) return undefined;
    const name = nameInFile(huggingFace, names);
    // Of tied weights a file may keep either name.
    const isUnderHead = huggingFace === embedding && isTied && !file.tensors.has(name);
    return isUnderHead ? (names.head ?? name) : name;
  };
  if (!isTied && names.head === undefined) {
    throw new FormatError(
      'model: lm_head.weight is missing, and config.json does not say tie_word_embeddings; ' +
        'the checkpoint was saved without its output head: take one that has it',
    );
  }
  const others = isPart ? (name: string) => !name.startsWith(names.prefix) : () => false;
  // A tied model may still carry a copy of its embedding as head.
  const isAllowed = (name: string): boolean => name === names.head || others(name) || unread?.test(name) === true;
  return collect(file, specs, nameOf, true, isAllowed, others);
}

function collect(
  file: TensorFile,
  specs: readonly TensorSpec[],
  nameOf: (spec: TensorSpec) => string | undefined,
  permute: boolean,
  isAllowed: (name: string) => boolean = () => false,
  isOther: (name: string) => boolean = () => false,
): Collected {
  const tensors = new Map<string, ModelTensor>();
  const missing: string[] = [];
  const read = new Set<string>();
  for (const spec of specs) {
    const name = nameOf(spec);
    if (name === undefined) continue;
    const found = tensorOf(file, spec, name, permute);
    if (found !== undefined) tensors.set(spec.name, found);
    else if (!spec.optional) missing.push(name);
    for (const each of expertNames(spec, name)) read.add(each);
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

/** Names of the matrices that a tensor is stacked from; its own where it stands whole. */
function expertNames({ experts }: TensorSpec, name: string): string[] {
  if (experts === undefined || !name.includes('{expert}')) return [name];
  return Array.from({ length: experts }, (_, expert) => name.replace('{expert}', String(expert)));
}

/** @param fromCheckpoint whether rows and values are to be brought into GGUF's layout */
function tensorOf(file: TensorFile, spec: TensorSpec, name: string, fromCheckpoint: boolean): ModelTensor | undefined {
  const entries = expertNames(spec, name).map((each) => file.tensors.get(each));
  if (!entries.every((entry) => entry !== undefined)) return undefined;
  const { shape, experts = 1 } = spec;
  const one = { ...spec, experts: undefined, shape: [shape[0] / experts, ...shape.slice(1)] };
  const tensor =
    entries.length === 1
      ? tensorFromEntry(entries[0], spec, fromCheckpoint)
      : stackedTensor(
          spec,
          entries.map((entry) => tensorFromEntry(entry, one, fromCheckpoint)),
        );
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
