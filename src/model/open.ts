import { blobFolder, blobSource, openSafetensorsFolder, openTensorSource } from '../container/index.ts';
import { indexFile, singleFile } from '../container/safetensors/folder.ts';
import { fetchFolder, fetchSource } from '../container/source/fetch.ts';
import { baseName, type SourceFolder } from '../container/source/range.ts';
import type { ByteSource } from '../container/types.ts';
import { UsageError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import { openModelFolder, openModelGguf, readText } from './open-parts.ts';
import type { Model } from './types.ts';

/** What a browser opens a model from. */
export type WebModelSource =
  /** Address of a .gguf file, or of a Hugging Face folder, which ends in `/`. It is fetched whole. */
  | string
  | URL
  /** A .gguf file. */
  | Blob
  /** Files picked together: those of a Hugging Face folder, or the parts of a split .gguf file. */
  | readonly File[];

/**
 * Opens a model in a browser: a .gguf file or the files of a Hugging Face folder, picked by the user, fetched, or behind an
 * address. What lies behind an address is fetched whole, since weights are read more than once.
 * @param source files, a blob, or an address
 * @param work signal and progress of fetching
 * @returns the model; whoever opened it closes it
 * @throws UsageError when the files are no model; FormatError when it is damaged or not supported; BitbudgetError when the
 *   server cannot be reached
 */
export async function openModel(source: WebModelSource, work: WorkOptions = {}): Promise<Model> {
  if (typeof source === 'string' || source instanceof URL) return await openAddress(absolute(source), work);
  if (source instanceof Blob) return await openGguf(blobSource(source));
  const folder = blobFolder(source);
  const names = source.map(({ name }) => name);
  if (names.includes(singleFile) || names.includes(indexFile))
    return await openFolder(folder, folderOf(source[0]) ?? 'model');
  const [first] = names.filter((name) => name.endsWith('.gguf')).sort();
  if (first === undefined)
    throw new UsageError(
      `files: ${names.join(', ') || 'none'}; expected a .gguf file, or config.json, a tokenizer and .safetensors`,
    );
  return await openGguf((await folder.open(first))!, folder);
}

/** As a page or worker means it. */
function absolute(address: string | URL): string {
  try {
    return new URL(address, globalThis.location?.href).href;
  } catch (cause) {
    throw new UsageError(`${address}: is no address; give the URL of a .gguf file, or of a folder with / at its end`, {
      cause,
    });
  }
}

async function openAddress(url: string, work: WorkOptions): Promise<Model> {
  if (!url.endsWith('/'))
    return await openGguf(await fetchSource(url, work), fetchFolder(new URL('.', url).href, work));
  return await openFolder(fetchFolder(url, work), decodeURIComponent(url.split('/').at(-2)!));
}

async function openGguf(source: ByteSource, folder?: SourceFolder): Promise<Model> {
  const { name } = source;
  const file = await openTensorSource(source, folder);
  const card = async () => folder && (await readText({ read: (each) => readWhole(folder, each) }, 'README.md'));
  return await openModelGguf(file, { path: name, name: baseName(name).replace(/\.gguf$/, ''), card });
}

async function openFolder(folder: SourceFolder, name: string): Promise<Model> {
  return await openModelFolder({
    path: folder.name,
    name,
    read: (file) => readWhole(folder, file),
    weights: (inside) => {
      if (inside === undefined) return openSafetensorsFolder(folder);
      if (!folder.name.endsWith('/'))
        throw new UsageError(
          `files: weights in the folder ${inside} are needed too; give the folder's address, or use Node`,
        );
      return openSafetensorsFolder(fetchFolder(new URL(`${inside}/`, folder.name).href));
    },
  });
}

async function readWhole(folder: SourceFolder, name: string): Promise<Uint8Array | undefined> {
  const source = await folder.open(name);
  if (source === undefined) return undefined;
  try {
    return await source.read(0, source.byteLength);
  } finally {
    await source.close();
  }
}

/** The folder that was picked, where one was (`webkitdirectory`). */
function folderOf(file: File): string | undefined {
  return file.webkitRelativePath?.split('/').at(-2);
}
