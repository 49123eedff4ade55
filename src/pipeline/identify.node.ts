import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fingerprintOf, tensorDigests } from '../model/fingerprint.ts';
import type { Model } from '../model/types.ts';
import type { Store } from '../store/types.ts';

/** Changes whenever the same files would give other digests. */
const DIGEST_VERSION = 1;
/** A file changed this short a time ago may change again without its time showing it. */
const SETTLED_MS = 2000;

interface KeptDigests {
  readonly files: readonly string[];
  readonly digests: readonly (readonly [tensor: string, digest: string])[];
}

/**
 * The model with a fingerprint that does not read all weights again while its files keep path, size and time. The key of
 * measurements stays the contents: copies elsewhere are read once, and are then the same model.
 * @param path of the file or folder that it was opened from
 * @param records whether digests are kept for later runs
 */
export function rememberDigests(model: Model, path: string, store: Store, records = true): Model {
  let fingerprint: Promise<string> | undefined;
  return {
    ...model,
    fingerprint: () => {
      fingerprint ??= remembered(model, path, store, records);
      return fingerprint;
    },
  };
}

async function remembered(model: Model, path: string, store: Store, records: boolean): Promise<string> {
  const place = await realpath(path);
  const files = await describeFiles(place);
  const kept = await readKept(store, place);
  const known = new Map(kept?.digests);
  const isSame = JSON.stringify(kept?.files) === JSON.stringify(files);
  if (isSame && [...model.tensors.keys()].every((name) => known.has(name))) return await fingerprintOf(model, known);
  const digests = await tensorDigests(model);
  const after = await describeFiles(place);
  const isSettled = JSON.stringify(after) === JSON.stringify(files) && (await newest(place)) < Date.now() - SETTLED_MS;
  if (records && isSettled) await record(store, place, { files, digests: [...digests] });
  return await fingerprintOf(model, digests);
}

const KEY = { step: 'digests', of: DIGEST_VERSION };

async function readKept(store: Store, place: string): Promise<KeptDigests | undefined> {
  const entry = await store.find(KEY);
  const bytes = await entry?.get(place);
  await entry?.close();
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as KeptDigests);
}

async function record(store: Store, place: string, kept: KeptDigests): Promise<void> {
  const entry = await store.open(KEY, { model: 'all models' });
  await entry.put(place, new TextEncoder().encode(JSON.stringify(kept))).finally(() => entry.close());
}

/** Name, size, time and number of every file that a model at `path` may be read from, in order. */
async function describeFiles(path: string): Promise<string[]> {
  const described: string[] = [];
  for (const file of await modelFiles(path)) {
    const { size, mtimeNs, ino } = await stat(file, { bigint: true });
    described.push(`${basename(file)} ${size} ${mtimeNs} ${ino}`);
  }
  return described;
}

async function newest(path: string): Promise<number> {
  const times = await Promise.all((await modelFiles(path)).map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(...times);
}

/** A folder's weights and descriptions; a file with those beside it that have the same ending: it may be one of several shards. */
async function modelFiles(path: string): Promise<string[]> {
  const isFolder = (await stat(path)).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const names = await readdir(folder);
  const isPart = (name: string): boolean =>
    isFolder ? /\.(safetensors|json|gguf)$/.test(name) : name === basename(path) || isShard(name, basename(path));
  return names
    .filter(isPart)
    .sort()
    .map((name) => join(folder, name));
}

/** `m-00002-of-00003.gguf` beside `m-00001-of-00003.gguf`. */
function isShard(name: string, first: string): boolean {
  const base = /^(.*)-\d{5}(-of-\d{5}\.gguf)$/.exec(first);
  return base !== null && name.startsWith(`${base[1]}-`) && name.endsWith(base[2]);
}
