import { FormatError } from '../../core/errors.ts';
import { shown } from '../names.ts';
import type { SourceFolder } from '../source/range.ts';
import { baseName } from '../source/range.ts';
import type { ByteSource, TensorEntry } from '../types.ts';
import { limits } from './format.ts';
import type { GgufFile } from './read.ts';
import { readGguf } from './read.ts';

const shardName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * Opens a GGUF model, of one file or split as `name-00001-of-00005.gguf`; then `source` is the first shard and `folder`
 * opens the others. Metadata is the first shard's.
 * @throws FormatError when a shard is missing, is not the one its name says, or repeats a tensor
 */
export async function openGguf(source: ByteSource, folder?: SourceFolder): Promise<GgufFile> {
  const first = await readGguf(source);
  const count = splitNumber(first, source.name, 'split.count') ?? 1;
  if (count <= 1) return first;
  if (count > limits.shards)
    throw new FormatError(`${source.name}: is split into ${count} files, at most ${limits.shards} are accepted`);
  const number = splitNumber(first, source.name, 'split.no') ?? 0;
  if (number !== 0) throw new FormatError(`${source.name}: is file ${number + 1} of ${count}; open the first one`);
  const files = [first];
  try {
    for (let i = 1; i < count; i++) files.push(await openShard(source.name, folder, i, count));
    return joinShards(source.name, files);
  } catch (error) {
    for (const file of files.slice(1)) await file.close();
    throw error;
  }
}

async function openShard(
  firstName: string,
  folder: SourceFolder | undefined,
  number: number,
  count: number,
): Promise<GgufFile> {
  const match = shardName.exec(baseName(firstName));
  if (match === null || Number(match[3]) !== count) {
    throw new FormatError(
      `${firstName}: is the first of ${count} files; expected a name that ends in ${shardSuffix(0, count)}`,
    );
  }
  const name = match[1] + shardSuffix(number, count);
  const source = await folder?.open(name);
  if (source === undefined)
    throw new FormatError(`${firstName}: needs ${name} beside it (file ${number + 1} of ${count})`);
  try {
    const shard = await readGguf(source);
    const said = [splitNumber(shard, name, 'split.no'), splitNumber(shard, name, 'split.count')];
    if (said[0] !== number || said[1] !== count) {
      throw new FormatError(
        `${name}: says it is split.no ${said[0]} of split.count ${said[1]}; expected ${number} of ${count}`,
      );
    }
    return shard;
  } catch (error) {
    await source.close();
    throw error;
  }
}

function joinShards(subject: string, files: readonly GgufFile[]): GgufFile {
  const tensors = new Map<string, TensorEntry>();
  for (const file of files) {
    for (const [name, entry] of file.tensors) {
      if (tensors.has(name)) throw new FormatError(`${subject}: tensor ${name} stands in two of its files`);
      tensors.set(name, entry);
    }
  }
  const expected = splitNumber(files[0], subject, 'split.tensors.count');
  if (expected !== undefined && expected !== tensors.size) {
    throw new FormatError(
      `${subject}: its ${files.length} files hold ${tensors.size} tensors; split.tensors.count says ${expected}`,
    );
  }
  return {
    ...files[0],
    tensors,
    async close() {
      for (const file of files) await file.close();
    },
  };
}

/** `-00002-of-00005.gguf` for shard number 1 (from 0) of 5. */
export function shardSuffix(number: number, count: number): string {
  return `-${String(number + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;
}

function splitNumber(file: GgufFile, subject: string, key: string): number | undefined {
  const value = file.metadata.get(key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new FormatError(`${subject}: ${key} is ${shown(value)}; expected a whole number`);
  }
  return value;
}
