import { readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import { isRecord, parseObject } from '../safetensors/read.ts';
import type { ModelPurpose } from '../variants.ts';
import { CachedRepo, exists } from './cache.node.ts';
import type { Choice } from './choose.ts';
import { chooseFiles } from './choose.ts';
import { HubBusyError, type HubClient, HubMissingError, hubClient, type ListedFile } from './client.node.ts';
import type { DownloadOptions } from './download.node.ts';
import { download } from './download.node.ts';
import { isPathLike, mistypedPath } from './local.node.ts';
import { withLock } from './lock.node.ts';
import type { HubModelId } from './model-id.ts';
import { checkRepoPath, parseModelId } from './model-id.ts';
import type { HubSettings } from './settings.node.ts';
import { hubSettings } from './settings.node.ts';

export interface PullOptions extends DownloadOptions {
  /** What the model is wanted for, default to be run; decides which of several files is taken. */
  readonly purpose?: ModelPurpose;
  /** Default from the environment. */
  readonly settings?: HubSettings;
}

export interface PulledModel {
  /** What to open: a .gguf file (the first shard), or a Hugging Face folder. */
  readonly path: string;
  readonly kind: 'gguf' | 'folder';
  readonly repo: string;
  readonly commit: string;
  /** Paths in the repository. */
  readonly files: readonly string[];
}

/**
 * The local path of a model as a user names it: a path that exists, or a model of the hub, which is fetched into the
 * shared cache unless it is there already.
 * @throws UsageError when it is neither, with what it may have been meant to be
 */
export async function resolveModel(name: string, options: PullOptions = {}): Promise<string> {
  const id = parseModelId(name);
  if (id?.explicit === true) return (await pullModel(id, options)).path;
  if (await exists(name)) return name;
  if (id === undefined || (await isPathLike(name))) throw await mistypedPath(name, id);
  try {
    return (await pullModel(id, options)).path;
  } catch (error) {
    if (!(error instanceof HubMissingError)) throw error;
    throw new UsageError(`${name}: no such file or folder here; as a model of the hub, ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Fetches a model of the hub into the shared Hugging Face cache; what is there already is not fetched again, and what a
 * cut connection left is continued. All that is needed is checked, and its small files fetched, before the weights are.
 * Without a network, what the cache has is used.
 * @throws BitbudgetError when the model, the file or the variant does not exist, the hub cannot be reached, or the disk is too full
 */
export async function pullModel(id: HubModelId, options: PullOptions = {}): Promise<PulledModel> {
  const settings = options.settings ?? (await hubSettings());
  const cache = new CachedRepo(settings.cacheFolder, id.repo);
  if (settings.offline)
    return fromCache(
      id,
      cache,
      'the hub is not asked (HF_HUB_OFFLINE is set); fetch it where there is a network',
      options.purpose,
    );
  const hub = await hubClient(id, settings, options);
  let commit: string;
  try {
    commit = await hub.commit();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof BitbudgetError && !(error instanceof HubBusyError)) throw error;
    return fromCache(id, cache, unreachable(settings, error), options.purpose);
  }
  const listed = await hub.files(commit);
  const choice = chooseFiles(id, [...listed.keys()], options.purpose);
  const fetch: Fetch = { cache, commit, listed, hub, options };
  const weights = choice.kind === 'gguf' ? choice.files : choice.files.filter(isWeights);
  const small = [...choice.files.filter((path) => !weights.includes(path)), ...(listed.has(card) ? [card] : [])];
  await fetchAll(fetch, [...new Set(small)]);
  const shards = await indexedFiles(id, cache, commit, choice);
  await checkBefore(fetch, [...weights, ...shards]);
  await fetchAll(fetch, [...weights, ...shards]);
  await cache.remember(id.revision ?? 'main', commit);
  return pulled(id, cache, commit, choice, [...choice.files, ...shards]);
}

/** The repository's description, which tells its licence. */
const card = 'README.md';
const isWeights = (path: string): boolean => path.endsWith('.safetensors');

function unreachable(settings: HubSettings, error: unknown): string {
  if (error instanceof HubBusyError) return error.why;
  const { cause, message } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
  const proxy = settings.proxy === undefined ? '' : ' through the proxy that is set';
  return `${settings.endpoint} cannot be reached${proxy} (${code}); check the network and try again`;
}

/** One repository's commit, and how to get files of it. */
interface Fetch {
  readonly cache: CachedRepo;
  readonly commit: string;
  readonly listed: ReadonlyMap<string, ListedFile>;
  readonly hub: HubClient;
  readonly options: PullOptions;
}

async function fetchAll(fetch: Fetch, paths: readonly string[]): Promise<void> {
  for (const path of paths) await fetchOne(fetch, path);
}

/** Whether all files are there and fit on the disk, before the first of them is fetched. */
async function checkBefore(fetch: Fetch, paths: readonly string[]): Promise<void> {
  const { cache, commit } = fetch;
  let missing = 0;
  for (const path of paths) {
    const { digest, byteLength } = listedFile(fetch, path);
    if (await exists(cache.snapshotPath(commit, path))) continue;
    if (await exists(cache.blobPath(digest))) continue;
    missing += byteLength - (await cache.arrived(digest));
  }
  const disk = missing > 0 ? await statfs(cache.folder).catch(() => undefined) : undefined;
  if (disk === undefined) return;
  const free = disk.bavail * disk.bsize;
  if (free >= missing) return;
  const size = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new BitbudgetError(
    `${cache.folder}: has ${size(free)} free, expected ${size(missing)} for what is to be fetched; make room, or set HF_HUB_CACHE to another disk`,
  );
}

function listedFile({ listed }: Fetch, path: string): ListedFile {
  const file = listed.get(path);
  if (file === undefined)
    throw new BitbudgetError(`${path}: is named by the model's index but is not in the repository; tell its owner`);
  // The digest names a file in the cache, so it must be one.
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(file.digest))
    throw new BitbudgetError(`${path}: the hub gives no checksum for it; check HF_ENDPOINT`);
  return file;
}

async function fetchOne(fetch: Fetch, path: string): Promise<void> {
  const { cache, commit, hub, options } = fetch;
  if (await exists(cache.snapshotPath(commit, path))) return;
  const file = listedFile(fetch, path);
  const blobPath = cache.blobPath(file.digest);
  const fetchBlob = async (): Promise<void> => {
    // Another process may have fetched it while this one waited.
    if (await exists(blobPath)) return;
    const remote = { name: path, ...file, open: (offset: number) => hub.open(commit, path, offset) };
    await download(remote, blobPath, options);
  };
  if (!(await exists(blobPath))) await withLock(cache.lockPath(file.digest), fetchBlob, options.signal);
  await cache.link(commit, path, file.digest);
}

/** The shards that a fetched index names. */
async function indexedFiles(id: HubModelId, cache: CachedRepo, commit: string, choice: Choice): Promise<string[]> {
  if (choice.kind !== 'folder' || choice.index === undefined) return [];
  const path = cache.snapshotPath(commit, choice.index);
  const { weight_map: map } = parseObject(`${id.repo}: ${choice.index}`, await readFile(path, 'utf8'));
  if (!isRecord(map)) throw new BitbudgetError(`${id.repo}: ${choice.index} has no object weight_map`);
  return [...new Set(Object.values(map))].map((name) => checkRepoPath(id.repo, String(name)));
}

async function fromCache(id: HubModelId, cache: CachedRepo, why: string, purpose?: ModelPurpose): Promise<PulledModel> {
  const commit = await cache.commitOf(id.revision ?? 'main');
  if (commit === undefined) throw new HubMissingError(`${id.repo}: is not in the cache ${cache.folder}, and ${why}`);
  const present = await cache.files(commit);
  const choice = chooseFiles(id, present, purpose);
  const files = [...choice.files, ...(await indexedFiles(id, cache, commit, choice))];
  const missing = files.find((path) => !present.includes(path));
  if (missing !== undefined) throw new BitbudgetError(`${id.repo}: ${missing} is not in the cache, and ${why}`);
  return pulled(id, cache, commit, choice, files);
}

function pulled(
  id: HubModelId,
  cache: CachedRepo,
  commit: string,
  choice: Choice,
  files: readonly string[],
): PulledModel {
  const folder = cache.snapshotFolder(commit);
  const path = choice.kind === 'gguf' ? join(folder, choice.files[0]) : folder;
  return { path, kind: choice.kind, repo: id.repo, commit, files };
}
