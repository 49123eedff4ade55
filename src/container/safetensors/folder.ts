import { FormatError } from '../../core/errors.ts';
import { refuseOthers } from '../identify.ts';
import { shown } from '../names.ts';
import type { SourceFolder } from '../source/range.ts';
import { checkBareName } from '../source/range.ts';
import type { ByteSource, TensorEntry } from '../types.ts';
import { limits } from './format.ts';
import type { SafetensorsFile } from './read.ts';
import { isRecord, parseObject, readSafetensors } from './read.ts';

export const singleFile = 'model.safetensors';
export const indexFile = 'model.safetensors.index.json';

/**
 * Opens the weights of a Hugging Face model folder: `model.safetensors.index.json` with its shards, else
 * `model.safetensors`. Throws FormatError when neither is there or they contradict each other.
 */
export async function openSafetensorsFolder(folder: SourceFolder): Promise<SafetensorsFile> {
  const index = await folder.open(indexFile);
  if (index !== undefined) return openShards(folder, index);
  const single = await folder.open(singleFile);
  if (single === undefined) throw new FormatError(`${folder.name}: holds neither ${singleFile} nor ${indexFile}`);
  return readOrClose(single);
}

/** The result owns the source; when reading fails, the source is closed. */
async function readOrClose(source: ByteSource): Promise<SafetensorsFile> {
  try {
    return await readSafetensors(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Joins the shards that an index names into one file. Closes `index`. */
export async function openShards(folder: SourceFolder, index: ByteSource): Promise<SafetensorsFile> {
  const weightMap = await readWeightMap(index);
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const fileName of new Set(weightMap.values())) {
      const source = await folder.open(fileName);
      if (source === undefined)
        throw new FormatError(
          `${index.name}: names ${shown(fileName)}, which is not in ${folder.name}; is the download complete?`,
        );
      shards.set(fileName, await readOrClose(source));
    }
    const tensors = new Map<string, TensorEntry>();
    for (const [name, fileName] of weightMap) {
      const entry = shards.get(fileName)?.tensors.get(name);
      if (entry === undefined)
        throw new FormatError(`${index.name}: puts tensor ${shown(name)} into ${fileName}, which does not have it`);
      tensors.set(name, entry);
    }
    const metadata = [...shards.values()][0]?.metadata ?? new Map();
    return { container: 'safetensors', metadata, tensors, close: () => closeAll(shards.values()) };
  } catch (error) {
    await closeAll(shards.values());
    throw error;
  }
}

async function readWeightMap(index: ByteSource): Promise<Map<string, string>> {
  try {
    if (index.byteLength > limits.indexBytes) {
      throw new FormatError(
        `${index.name}: is ${index.byteLength} bytes long, at most ${limits.indexBytes} are accepted`,
      );
    }
    const text = new TextDecoder().decode(await index.read(0, index.byteLength));
    if (!/^\s*\{/.test(text)) await refuseOthers(index);
    const json = parseObject(index.name, text);
    if (!isRecord(json.weight_map)) throw new FormatError(`${index.name}: has no object weight_map`);
    const map = new Map<string, string>();
    for (const [name, fileName] of Object.entries(json.weight_map)) {
      if (typeof fileName !== 'string')
        throw new FormatError(
          `${index.name}: weight_map has ${shown(name)} as ${typeof fileName}; expected a file name`,
        );
      checkBareName(index.name, fileName);
      map.set(name, fileName);
    }
    return map;
  } finally {
    await index.close();
  }
}

async function closeAll(files: Iterable<SafetensorsFile>): Promise<void> {
  for (const file of files) await file.close();
}
