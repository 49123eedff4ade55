import type { TensorEntry, TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { Tokenizer, TypedMetadata } from '../text/types.ts';
import { activationsFromGguf } from './activation-bits.ts';
import { architectureByName, type TensorSpec } from './architecture.ts';
import { cacheFromGguf } from './cache-formats.ts';
import { configFromGguf } from './config-gguf.ts';
import { configFromHuggingFace } from './config-huggingface.ts';
import { fingerprintOf } from './fingerprint.ts';
import { metadataFromConfig, metadataFromGguf } from './metadata.ts';
import { tensorFromEntry, tensorFromValues } from './tensors.ts';
import type { Model, ModelConfig, ModelTensor } from './types.ts';

/** What a tensor file does not say by itself. */
export interface ModelParts {
  readonly tokenizer: Tokenizer;
  /** Parsed config.json; needed for safetensors, ignored for GGUF. */
  readonly config?: unknown;
  /** `general.name` of the written file; default the one in a GGUF file, else `model`. */
  readonly name?: string;
}

/**
 * A model over an open tensor file. Closing the model closes the file.
 * @throws FormatError when the architecture is unknown, or tensors are missing, unexpected or of another shape
 */
export async function modelFromTensorFile(file: TensorFile, parts: ModelParts): Promise<Model> {
  return file.container === 'gguf' ? modelFromGguf(file, parts) : modelFromHuggingFace(file, parts);
}

async function modelFromGguf(file: TensorFile, parts: ModelParts): Promise<Model> {
  const factors = file.tensors.get('rope_freqs.weight');
  const config = configFromGguf(file, factors && (await readFactors(factors)));
  if (parts.name) config.name = parts.name;
  const specs = checkedSpecs(config, file);
  const tensors = collect(file, specs);
  const model = assemble(file, config, tensors, parts.tokenizer, metadataFromGguf(file));
  const activations = activationsFromGguf(file.metadata, tensors);
  return { ...model, cache: cacheFromGguf(file.metadata, config), activations };
}

async function modelFromHuggingFace(file: TensorFile, parts: ModelParts): Promise<Model> {
  const config = configFromHuggingFace(parts.config, file.tensors.has('lm_head.weight'));
  config.name = parts.name ?? 'model';
  const specs = checkedSpecs(config, file);
  const tensors = collect(file, specs);
  const factors = config.rope.frequencyFactors;
  const factorsSpec = specs.find((spec) => spec.role === 'rope_freqs');
  if (factors && factorsSpec) {
    const others = [...tensors];
    tensors.clear();
    tensors.set(factorsSpec.name, tensorFromValues(factorsSpec, factors));
    for (const [name, tensor] of others) tensors.set(name, tensor);
  }
  return assemble(file, config, tensors, parts.tokenizer, metadataFromConfig(config, parts.tokenizer, tensors));
}

function assemble(
  file: TensorFile,
  config: ModelConfig,
  tensors: Map<string, ModelTensor>,
  tokenizer: Tokenizer,
  metadata: ReadonlyMap<string, TypedMetadata>,
): Model {
  let fingerprint: Promise<string> | undefined;
  const model: Model = {
    config,
    graph: architectureByName(config.architecture, 'model').graph(config),
    tensors,
    tokenizer,
    metadata,
    fingerprint: () => {
      fingerprint ??= fingerprintOf(model);
      return fingerprint;
    },
    close: () => file.close(),
  };
  return model;
}

/** Specs of a config whose numbers fit each other; bounded by the file, so that hostile counts allocate nothing. */
function checkedSpecs(config: ModelConfig, file: TensorFile): TensorSpec[] {
  const { layers, heads, kvHeads, headDim } = config;
  if (layers > file.tensors.size) {
    throw new FormatError(`model: ${layers} blocks, but the file has only ${file.tensors.size} tensors`);
  }
  if (heads % kvHeads !== 0)
    throw new FormatError(`model: ${heads} heads are not a multiple of ${kvHeads} key-value heads`);
  if (headDim % 2 !== 0) throw new FormatError(`model: head size ${headDim} is odd, expected an even number for RoPE`);
  return architectureByName(config.architecture, 'model').tensors(config);
}

/** Tensors that older checkpoints carry and nobody reads. */
const ignored = /rotary_emb\.inv_freq$|attn_rot_embd\.weight$/;

function collect(file: TensorFile, specs: TensorSpec[]): Map<string, ModelTensor> {
  const isGguf = file.container === 'gguf';
  const tensors = new Map<string, ModelTensor>();
  const missing: string[] = [];
  const expected = new Set<string>();
  for (const spec of specs) {
    const name = isGguf ? spec.name : spec.huggingFace;
    if (name === undefined) continue;
    expected.add(name);
    const entry = file.tensors.get(name);
    if (entry) tensors.set(spec.name, tensorFromEntry(entry, spec, !isGguf));
    else if (!spec.optional) missing.push(name);
  }
  // A tied model may still carry a copy of its embedding as head.
  if (!isGguf) expected.add('lm_head.weight');
  const unexpected = [...file.tensors.keys()].filter((name) => !expected.has(name) && !ignored.test(name));
  if (missing.length > 0) throw new FormatError(`model: ${listed(missing)} missing in the file`);
  if (unexpected.length > 0) throw new FormatError(`model: ${listed(unexpected)} not known to this architecture`);
  return tensors;
}

function listed(names: string[]): string {
  const shown = names.slice(0, 3).join(', ');
  const rest = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `${shown}${rest} ${names.length === 1 ? 'is' : 'are'}`;
}

async function readFactors(entry: TensorEntry): Promise<Float32Array> {
  if (entry.shape.length !== 1)
    throw new FormatError(`${entry.name}: shape is [${entry.shape.join(', ')}], expected a vector`);
  const spec: TensorSpec = { name: entry.name, role: 'rope_freqs', layer: -1, shape: entry.shape };
  return tensorFromEntry(entry, spec).load();
}
