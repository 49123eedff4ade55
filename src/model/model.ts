import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import type { Tokenizer, TypedMetadata } from '../text/types.ts';
import { architectureByName, tensorsOf } from './architecture.ts';
import type { Architecture, TensorSpec } from './architectures/types.ts';
import { baseModelOfGguf } from './base-model.ts';
import { checkpointNames } from './checkpoint-names.ts';
import { type Collected, collectGguf, collectHuggingFace } from './collect.ts';
import { asObject, textFields } from './config-fields.ts';
import { configFromGguf } from './config-gguf.ts';
import { architectureOfConfig, configFromHuggingFace } from './config-huggingface.ts';
import { fingerprintOf } from './fingerprint.ts';
import { refuseCompanions } from './gguf-kind.ts';
import { metadataFromConfig, metadataFromGguf } from './metadata.ts';
import { withMxfp4 } from './mxfp4.ts';
import { nextTokenBlocksOf, withoutNextTokens } from './next-tokens.ts';
import { refuseQuantized } from './quantized-checkpoint.ts';
import { readRopeFactors, ropeTensorValues } from './rope-tensors.ts';
import { roundingsFromGguf } from './roundings.ts';
import { tensorFromValues } from './tensors.ts';
import type { EmbeddingConfig, Model, ModelConfig, ModelTensor } from './types.ts';

/** What a tensor file does not say by itself. */
export interface ModelParts {
  readonly tokenizer: Tokenizer;
  /** Parsed config.json; needed for safetensors, ignored for GGUF. */
  readonly config?: unknown;
  /** How a text's vector is made of its tokens', where files beside the weights say it; ignored for GGUF. */
  readonly embedding?: Partial<EmbeddingConfig>;
  /** `general.name` of the written file; default the one in a GGUF file, else `model`. */
  readonly name?: string;
  /** The model that this one was made of, where something beside the weights says it. */
  readonly baseModel?: string;
  /** `user/repo` of the hub, where it was fetched from there. */
  readonly repository?: string;
  /** As the files say it: `apache-2.0`. */
  readonly license?: string;
}

/**
 * A model over an open tensor file. Closing the model closes the file.
 * @throws FormatError when the architecture is unknown, or tensors are missing, unexpected or of another shape
 */
export async function modelFromTensorFile(file: TensorFile, parts: ModelParts): Promise<Model> {
  return file.container === 'gguf' ? modelFromGguf(file, parts) : modelFromHuggingFace(file, parts);
}

async function modelFromGguf(file: TensorFile, parts: ModelParts): Promise<Model> {
  refuseCompanions('model', file);
  const config = configFromGguf(file, await readRopeFactors(file));
  if (parts.name) config.name = parts.name;
  const specs = checkedSpecs(config, file);
  const architecture = architectureByName(config.architecture, 'GGUF');
  const collected = collectGguf(file, specs, config, architecture.unread);
  refuseMoreTokens(config, parts.tokenizer);
  const model = assemble(
    file,
    config,
    collected,
    { ...parts, baseModel: baseModelOfGguf(file.metadata) },
    withLatentKeys(
      architecture.nextTokens ? metadataFromGguf(file) : withoutNextTokens(metadataFromGguf(file), config),
      architecture,
      config,
    ),
  );
  return { ...model, roundings: roundingsFromGguf(file.metadata, model) };
}

/** Keys of latent attention as they are written today, whatever the tensors were that a file has. */
function withLatentKeys(
  metadata: Map<string, TypedMetadata>,
  { name, latentKeys, metadata: keys }: Architecture,
  config: ModelConfig,
): Map<string, TypedMetadata> {
  if (latentKeys) for (const [key, value] of keys?.(config) ?? []) metadata.set(`${name}.${key}`, value);
  return metadata;
}

async function modelFromHuggingFace(stored: TensorFile, parts: ModelParts): Promise<Model> {
  const file = withMxfp4(stored);
  const fields = asObject(parts.config, 'config.json');
  refuseQuantized(file, fields, parts.baseModel);
  const architecture = architectureOfConfig(parts.config);
  const { anchor, unread } = architecture;
  const names = checkpointNames(file.tensors, anchor);
  const isPart = textFields(fields) !== undefined;
  const config = configFromHuggingFace(parts.config, {
    hasHead: names.head !== undefined,
    nextTokenBlocks: nextTokenBlocksOf(file.tensors.keys()),
  });
  const { withTensors } = architecture;
  if (config.embedding) config.embedding = { ...config.embedding, ...parts.embedding };
  Object.assign(config, withTensors?.(config, file.tensors));
  config.name = parts.name ?? 'model';
  const specs = checkedSpecs(config, file);
  const collected = collectHuggingFace(file, specs, names, config, { isPart, unread });
  const tensors = withRopeFactors(config, specs, collected.tensors);
  refuseMoreTokens(config, parts.tokenizer);
  const metadata = metadataFromConfig(config, parts.tokenizer, tensors);
  return assemble(file, config, { ...collected, tensors }, parts, metadata);
}

function assemble(
  file: TensorFile,
  config: ModelConfig,
  { tensors, remarks }: Collected,
  { tokenizer, baseModel, repository, license }: ModelParts,
  metadata: ReadonlyMap<string, TypedMetadata>,
): Model {
  let fingerprint: Promise<string> | undefined;
  const model: Model = {
    config,
    graph: architectureByName(config.architecture, 'model').graph(config),
    tensors,
    tokenizer,
    metadata,
    baseModel,
    repository,
    license,
    remarks,
    fingerprint: () => {
      fingerprint ??= fingerprintOf(model);
      return fingerprint;
    },
    close: () => file.close(),
  };
  return model;
}

/** Tensors behind those that config.json gave as numbers. */
function withRopeFactors(
  { rope }: ModelConfig,
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, ModelTensor>,
): Map<string, ModelTensor> {
  const values = ropeTensorValues(rope);
  const made = specs.filter(({ name }) => values.has(name));
  return new Map([
    ...made.map((spec) => [spec.name, tensorFromValues(spec, values.get(spec.name)!)] as const),
    ...tensors,
  ]);
}

/** Tokens without a row would be looked up beyond the table. */
function refuseMoreTokens({ vocabulary }: ModelConfig, { vocabularySize }: Tokenizer): void {
  if (vocabularySize <= vocabulary) return;
  throw new FormatError(
    `tokenizer: ${vocabularySize} tokens, but the embedding has only ${vocabulary} rows; ` +
      'tokenizer and weights are of two models or versions: take both from one place',
  );
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
  return tensorsOf(config);
}
