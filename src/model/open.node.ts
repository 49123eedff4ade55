import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { HEAD_BYTES, identify } from '../container/identify.ts';
import { diskFolder, openSafetensorsFolder, openTensorFile, repositoryOf } from '../container/node.ts';
import type { TensorFile } from '../container/types.ts';
import type { ModelPurpose } from '../container/variants.ts';
import { FormatError } from '../core/errors.ts';
import { parsePythonJson } from '../core/json.ts';
import { tokenizerFromFolder } from '../text/folder.ts';
import { tokenizerFromGguf } from '../text/gguf.ts';
import { architectureByName } from './architecture.ts';
import { baseModelOfFolder } from './base-model.ts';
import { requireKnownArchitecture } from './config-huggingface.ts';
import { refuseCompanions } from './gguf-kind.ts';
import { type Located, locateModel } from './locate.node.ts';
import { modelFromTensorFile } from './model.ts';
import { sentenceModules, withModules } from './sentence-modules.ts';
import type { Model } from './types.ts';

/**
 * Opens a model on disk: a Hugging Face folder (config.json, tokenizer, *.safetensors), one of its .safetensors files, a
 * .gguf file (the first one when it is split), or a folder that holds one. Weights stay on disk.
 * @param purpose which of several .gguf files in a folder is meant: an original is the most exact of them; default `run`,
 *   for which one must be named
 * @throws UsageError when nothing is there, or several models are; FormatError when it is damaged, no model or not supported
 */
export async function openModel(path: string, purpose: ModelPurpose = 'run'): Promise<Model> {
  const located = await locateModel(path, purpose);
  return located.kind === 'gguf' ? openGgufModel(located.path) : openFolder(located);
}

async function openGgufModel(path: string): Promise<Model> {
  const file = await openTensorFile(path);
  try {
    if (file.container !== 'gguf')
      throw new FormatError(`${path}: is a safetensors file; name it .safetensors, beside its config.json`);
    refuseCompanions(path, file);
    // Told before a tokenizer that only such a model has.
    architectureByName(String(file.metadata.get('general.architecture') ?? '(none named)'), path);
    const name = file.metadata.has('general.name') ? undefined : basename(path, '.gguf');
    return await modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata), name });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFolder({ path, weights }: Extract<Located, { kind: 'folder' }>): Promise<Model> {
  const config = await readJson(path, 'config.json');
  if (!config) throw new FormatError(`${path}: config.json is missing, which a Hugging Face folder has; fetch it too`);
  requireKnownArchitecture(config, join(path, 'config.json'));
  const modules = await sentenceModules((name) => readJson(path, name));
  const file = await withDense(path, await openWeights(path, weights), modules?.dense ?? []);
  try {
    const card = await readIfThere(join(path, 'README.md'));
    const parts = {
      tokenizer: await tokenizerFromFolder(path, (file) => readIfThere(join(path, file)), config),
      config,
      // A snapshot's folder is called by its commit.
      name: repositoryOf(path)?.replace(/^.*\//, '') ?? basename(resolve(path)),
      embedding: modules?.pooling && { pooling: modules.pooling },
      baseModel: baseModelOfFolder(card && new TextDecoder().decode(card), config),
    };
    return await modelFromTensorFile(file, parts);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The linear layers that stand in folders of their own, beside the model's tensors. */
async function withDense(path: string, file: TensorFile, folders: readonly string[]): Promise<TensorFile> {
  if (folders.length === 0) return file;
  const opened = new Map<string, TensorFile>();
  try {
    for (const folder of folders) opened.set(folder, await openSafetensorsFolder(diskFolder(join(path, folder))));
    return withModules(file, opened);
  } catch (error) {
    for (const each of [file, ...opened.values()]) await each.close();
    throw error;
  }
}

/** @param name of a file that stands for itself; default what the folder's index or its usual name says */
export async function openWeights(path: string, name?: string): Promise<TensorFile> {
  return name === undefined ? openSafetensorsFolder(diskFolder(path)) : openTensorFile(join(path, name));
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FormatError(`${path}: cannot be read`, { cause: error });
  }
}

async function readJson(folder: string, name: string): Promise<object | undefined> {
  const path = join(folder, name);
  const bytes = await readIfThere(path);
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
