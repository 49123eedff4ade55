import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { diskFolder, openSafetensorsFolder, openTensorFile, repositoryOf } from '../container/node.ts';
import type { TensorFile } from '../container/types.ts';
import type { ModelPurpose } from '../container/variants.ts';
import { FormatError } from '../core/errors.ts';
import { locateModel } from './locate.node.ts';
import { openModelFolder, openModelGguf, readText } from './open-parts.ts';
import type { Model } from './types.ts';

/**
 * Opens a model on disk: a Hugging Face folder (config.json, tokenizer, *.safetensors), one of its .safetensors files, a
 * .gguf file (the first one when it is split), or a folder that holds one. Weights stay on disk.
 * @param path of the file or folder
 * @param purpose which of several .gguf files in a folder is meant: an original is the most exact of them; default `run`,
 *   for which one must be named
 * @returns the model; whoever opened it closes it
 * @throws UsageError when nothing is there, or several models are; FormatError when it is damaged, no model or not supported
 */
export async function openModel(path: string, purpose: ModelPurpose = 'run'): Promise<Model> {
  const located = await locateModel(path, purpose);
  const repository = repositoryOf(located.path);
  const folder = located.kind === 'gguf' ? dirname(located.path) : located.path;
  const read = (name: string) => readIfThere(join(folder, name));
  if (located.kind === 'gguf') {
    const file = await openTensorFile(located.path);
    const name = basename(located.path, '.gguf');
    return await openModelGguf(file, { path: located.path, name, repository, card: () => readCard(read) });
  }
  return await openModelFolder({
    path: folder,
    // A snapshot's folder is called by its commit.
    name: repository?.replace(/^.*\//, '') ?? basename(resolve(folder)),
    repository,
    read,
    weights: (inside) =>
      inside === undefined
        ? openWeights(folder, located.weights)
        : openSafetensorsFolder(diskFolder(join(folder, inside))),
  });
}

/** A file beside a model that cannot be read says nothing. */
async function readCard(read: (name: string) => Promise<Uint8Array | undefined>): Promise<string | undefined> {
  return await readText({ read }, 'README.md').catch(() => undefined);
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
