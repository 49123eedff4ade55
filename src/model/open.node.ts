import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { diskFolder, openSafetensorsFolder, openTensorFile, repositoryOf } from '../container/node.ts';
import { FormatError, UsageError } from '../core/errors.ts';
import { tokenizerFromFolder } from '../text/folder.ts';
import { tokenizerFromGguf } from '../text/gguf.ts';
import { modelFromTensorFile } from './model.ts';
import type { Model } from './types.ts';

/**
 * Opens a model on disk: a Hugging Face folder (config.json, tokenizer.json, *.safetensors), one of its .safetensors
 * files, or a .gguf file (the first one when it is split). Weights stay on disk.
 * @throws UsageError when nothing is there; FormatError when the model is damaged or not supported
 */
export async function openModel(path: string): Promise<Model> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path}: no such file or folder`);
  if (found.isDirectory()) return openFolder(path);
  return path.endsWith('.safetensors') ? openFolder(dirname(path)) : openGgufModel(path);
}

async function openGgufModel(path: string): Promise<Model> {
  const file = await openTensorFile(path);
  try {
    if (file.container !== 'gguf') throw new FormatError(`${path}: safetensors without config.json; give its folder`);
    const name = file.metadata.has('general.name') ? undefined : basename(path, '.gguf');
    return await modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata), name });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openFolder(path: string): Promise<Model> {
  const config = await readJson(path, 'config.json');
  if (!config) throw new FormatError(`${path}: config.json is missing, which a Hugging Face folder has`);
  const file = await openSafetensorsFolder(diskFolder(path));
  try {
    const parts = {
      tokenizer: await tokenizerFromFolder(path, (file) => readIfThere(join(path, file)), config),
      config,
      // A snapshot's folder is called by its commit.
      name: repositoryOf(path)?.replace(/^.*\//, '') ?? basename(resolve(path)),
    };
    return await modelFromTensorFile(file, parts);
  } catch (error) {
    await file.close();
    throw error;
  }
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
  const bytes = await readIfThere(join(folder, name));
  if (bytes === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new FormatError(`${join(folder, name)}: is not valid JSON`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null)
    throw new FormatError(`${join(folder, name)}: expected a JSON object`);
  return parsed;
}
