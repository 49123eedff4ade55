import { HEAD_BYTES, identify } from '../container/identify.ts';
import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { parsePythonJson } from '../core/json.ts';
import { tokenizerFromFolder } from '../text/folder.ts';
import { tokenizerFromGguf } from '../text/gguf.ts';
import { architectureByName } from './architecture.ts';
import { baseModelOfFolder, licenseOfCard } from './base-model.ts';
import { requireKnownArchitecture } from './config-huggingface.ts';
import { refuseCompanions } from './gguf-kind.ts';
import { modelFromTensorFile } from './model.ts';
import { sentenceModules, withModules } from './sentence-modules.ts';
import type { Model } from './types.ts';

/** A Hugging Face folder, wherever it lies. */
export interface ModelFolder {
  /** For messages. */
  readonly path: string;
  /** What the model is called. */
  readonly name: string;
  /** `user/repo` of the hub, where it was fetched from there. */
  readonly repository?: string;
  /** One of its files; undefined when it is not there. */
  read(file: string): Promise<Uint8Array | undefined>;
  /** Its weights, or those of a folder inside it. */
  weights(inside?: string): Promise<TensorFile>;
}

/** Beside a model: what it says of itself. */
const CARD = 'README.md';

/**
 * The model of a Hugging Face folder: config.json, a tokenizer, *.safetensors.
 * @throws FormatError when a file is missing or damaged, or the architecture is not supported
 */
export async function openModelFolder(folder: ModelFolder): Promise<Model> {
  const config = await readJson(folder, 'config.json');
  const { path, name, repository } = folder;
  if (!config) throw new FormatError(`${path}: config.json is missing, which a Hugging Face folder has; fetch it too`);
  requireKnownArchitecture(config, `${path.replace(/\/$/, '')}/config.json`);
  const modules = await sentenceModules((name) => readJson(folder, name));
  const file = await withDense(folder, await folder.weights(), modules?.dense ?? []);
  try {
    const card = await readText(folder, CARD);
    const tokenizer = await tokenizerFromFolder(path, (file) => folder.read(file), config);
    const baseModel = baseModelOfFolder(card, config);
    const license = licenseOfCard(card);
    const embedding = modules?.pooling && { pooling: modules.pooling };
    return await modelFromTensorFile(file, { tokenizer, config, name, embedding, baseModel, repository, license });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The linear layers that stand in folders of their own, beside the model's tensors. */
async function withDense(folder: ModelFolder, file: TensorFile, inside: readonly string[]): Promise<TensorFile> {
  if (inside.length === 0) return file;
  const opened = new Map<string, TensorFile>();
  try {
    for (const name of inside) opened.set(name, await folder.weights(name));
    return withModules(file, opened);
  } catch (error) {
    for (const each of [file, ...opened.values()]) await each.close();
    throw error;
  }
}

/**
 * The model of a GGUF file, which it then owns; when it is refused, it is closed.
 * @param parts.path for messages
 * @param parts.name of the model, where the file does not say one
 * @param parts.card text of the README.md beside it, read where the file does not say its licence
 * @throws FormatError when it is damaged, no model or not supported
 */
export async function openModelGguf(
  file: TensorFile,
  {
    path,
    name,
    repository,
    card,
  }: Pick<ModelFolder, 'path' | 'name' | 'repository'> & { card(): Promise<string | undefined> },
): Promise<Model> {
  try {
    if (file.container !== 'gguf')
      throw new FormatError(`${path}: is a safetensors file; name it .safetensors, beside its config.json`);
    refuseCompanions(path, file);
    // Told before a tokenizer that only such a model has.
    architectureByName(String(file.metadata.get('general.architecture') ?? '(none named)'), path);
    const own = file.metadata.get('general.license');
    return await modelFromTensorFile(file, {
      tokenizer: tokenizerFromGguf(file.metadata),
      name: file.metadata.has('general.name') ? undefined : name,
      repository,
      license: typeof own === 'string' && own !== '' ? own : licenseOfCard(await card()),
    });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Text of a folder's README.md, where it has one. */
export async function readText(folder: Pick<ModelFolder, 'read'>, name: string): Promise<string | undefined> {
  const bytes = await folder.read(name);
  return bytes && new TextDecoder().decode(bytes);
}

async function readJson(folder: ModelFolder, name: string): Promise<object | undefined> {
  const path = `${folder.path.replace(/\/$/, '')}/${name}`;
  const bytes = await folder.read(name);
  if (bytes === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = parsePythonJson(new TextDecoder().decode(bytes));
  } catch (error) {
    const other = identify(bytes.subarray(0, HEAD_BYTES), bytes.length);
    const isOther = other !== undefined && !other.startsWith('is JSON');
    throw new FormatError(`${path}: ${isOther ? other : 'is not valid JSON; fetch it again'}`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null) throw new FormatError(`${path}: expected a JSON object`);
  return parsed;
}
