import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadFile, HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import { isRecord, parseObject } from '../safetensors/read.ts';
import type { ModelPurpose } from '../variants.ts';
import type { HubSettings } from './cache.node.ts';
import { CachedRepo, exists, hubSettings, isCommit } from './cache.node.ts';
import type { Choice } from './choose.ts';
import { chooseFiles } from './choose.ts';
import type { DownloadOptions } from './download.node.ts';
import { download } from './download.node.ts';
import type { HubModelId } from './model-id.ts';
import { checkRepoPath, parseModelId } from './model-id.ts';

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
 * @throws UsageError when it is neither
 */
export async function resolveModel(name: string, options: PullOptions = {}): Promise<string> {
  const id = parseModelId(name);
  if (id?.explicit !== true && (await exists(name))) return name;
  if (id === undefined)
    throw new UsageError(`${name}: no such file or folder; models of the hub are written hf:user/repo`);
  return (await pullModel(id, options)).path;
}

/**
 * Fetches a model of the hub into the shared Hugging Face cache; what is there already is not fetched again, and what a
 * cut connection left is continued. Without a network, what the cache has is used.
 * @throws BitbudgetError when the model, the file or the variant does not exist, or the hub cannot be reached
 */
export async function pullModel(id: HubModelId, options: PullOptions = {}): Promise<PulledModel> {
  const settings = options.settings ?? (await hubSettings());
  const cache = new CachedRepo(settings.cacheFolder, id.repo);
  if (settings.offline) return fromCache(id, cache, `HF_HUB_OFFLINE is set`, options.purpose);
  const hub = hubClient(id, settings, options.signal);
  let commit: string;
  try {
    commit = await hub.commit();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof BitbudgetError) throw error;
    return fromCache(id, cache, `${settings.endpoint} cannot be reached`, options.purpose);
  }
  const listed = await hub.files(commit);
  const choice = chooseFiles(id, [...listed.keys()], options.purpose);
  const fetched: string[] = [];
  const fetchAll = async (paths: readonly string[]) => {
    for (const path of paths) {
      await fetchOne(cache, commit, path, listed, hub, options);
      fetched.push(path);
    }
  };
  await fetchAll(choice.files);
  await fetchAll(await indexedFiles(id, cache, commit, choice));
  await cache.remember(id.revision ?? 'main', commit);
  return pulled(id, cache, commit, choice, fetched);
}

interface ListedFile {
  readonly byteLength: number;
  readonly digest: string;
}

type HubClient = ReturnType<typeof hubClient>;

/** The three questions asked of the hub, with its failures put into one line. */
function hubClient(id: HubModelId, settings: HubSettings, signal: AbortSignal | undefined) {
  const common = { hubUrl: settings.endpoint, fetch: hubFetch(settings, signal) };
  return {
    async commit(): Promise<string> {
      const revision = id.revision ?? 'main';
      const { sha } = await asked(id, () =>
        modelInfo({ ...common, name: id.repo, revision, additionalFields: ['sha'] }),
      );
      if (typeof sha !== 'string' || !isCommit(sha))
        throw new BitbudgetError(`${id.repo}: the hub names no commit for ${revision}`);
      return sha;
    },
    async files(commit: string): Promise<Map<string, ListedFile>> {
      const files = new Map<string, ListedFile>();
      await asked(id, async () => {
        for await (const entry of listFiles({ ...common, repo: id.repo, revision: commit, recursive: true })) {
          if (entry.type !== 'file') continue;
          const digest = entry.lfs?.oid ?? entry.oid ?? '';
          files.set(entry.path, { byteLength: entry.lfs?.size ?? entry.size, digest });
        }
      });
      return files;
    },
    async open(commit: string, path: string, offset: number): Promise<ReadableStream<Uint8Array>> {
      // Plain HTTP instead of Xet: only there a transfer can be continued at any byte.
      const blob = await asked(id, () =>
        downloadFile({ ...common, repo: id.repo, revision: commit, path, xet: false }),
      );
      if (blob === null) throw new BitbudgetError(`${id.repo}: ${path} is listed but cannot be fetched`);
      return (offset === 0 ? blob : blob.slice(offset)).stream() as ReadableStream<Uint8Array>;
    },
  };
}

/**
 * Adds what the library leaves out: abort, the token (sent to the hub alone, not to where it redirects), and a check
 * that a server which was asked for a range did not send the whole file.
 */
function hubFetch(settings: HubSettings, signal: AbortSignal | undefined): typeof fetch {
  const origin = new URL(settings.endpoint).origin;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (settings.token !== undefined && url.origin === origin) headers.set('authorization', `Bearer ${settings.token}`);
    const response = await fetch(url, { ...init, headers, signal });
    const range = headers.get('range');
    if (range !== null && range !== 'bytes=0-0' && response.status === 200) {
      await response.body?.cancel();
      throw new Error(`the server ignored the range ${range}`);
    }
    return response;
  };
}

async function asked<T>(id: HubModelId, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof HubApiError)) throw error;
    if (error.statusCode === 401 || error.statusCode === 403) {
      throw new BitbudgetError(
        `${id.repo}: the hub refuses access (${error.statusCode}); it may not exist, or be private or gated: accept its licence on the hub and set HF_TOKEN`,
        { cause: error },
      );
    }
    if (error.statusCode === 404) {
      throw new BitbudgetError(
        `${id.repo}: the hub has no such model${id.revision === undefined ? '' : ` or no revision ${id.revision}`}`,
        { cause: error },
      );
    }
    // Overload passes; what the caller does about it is try again.
    if (error.statusCode === 429 || error.statusCode >= 500)
      throw new Error(`the hub answered ${error.statusCode}`, { cause: error });
    throw new BitbudgetError(`${id.repo}: the hub answered ${error.statusCode}`, { cause: error });
  }
}

async function fetchOne(
  cache: CachedRepo,
  commit: string,
  path: string,
  listed: ReadonlyMap<string, ListedFile>,
  hub: HubClient,
  options: PullOptions,
): Promise<void> {
  if (await exists(cache.snapshotPath(commit, path))) return;
  const file = listed.get(path);
  if (file === undefined)
    throw new BitbudgetError(`${path}: is named by the model's index but is not in the repository`);
  // The digest names a file in the cache, so it must be one.
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(file.digest))
    throw new BitbudgetError(`${path}: the hub gives no checksum for it`);
  const blobPath = cache.blobPath(file.digest);
  if (!(await exists(blobPath))) {
    await download({ name: path, ...file, open: (offset) => hub.open(commit, path, offset) }, blobPath, options);
  }
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
  if (commit === undefined) throw new BitbudgetError(`${id.repo}: is not in the cache ${cache.folder}, and ${why}`);
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
