import { copyFile, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { checkRepoPath } from './model-id.ts';

/** How the hub is reached, as every tool of the ecosystem is told: by the environment. */
export interface HubSettings {
  readonly cacheFolder: string;
  /** Default https://huggingface.co. */
  readonly endpoint: string;
  readonly token?: string;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
}

/**
 * HF_HUB_CACHE > HUGGINGFACE_HUB_CACHE > HF_HOME/hub > XDG_CACHE_HOME/huggingface/hub > ~/.cache/huggingface/hub;
 * HF_TOKEN, else the file HF_TOKEN_PATH or HF_HOME/token; HF_ENDPOINT; HF_HUB_OFFLINE.
 * @see huggingface_hub, docs/package_reference/environment_variables
 */
export async function hubSettings(environment: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const {
    HF_HUB_CACHE,
    HUGGINGFACE_HUB_CACHE,
    HF_HOME,
    XDG_CACHE_HOME,
    HF_TOKEN,
    HF_TOKEN_PATH,
    HF_ENDPOINT,
    HF_HUB_OFFLINE,
  } = environment;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const token = HF_TOKEN || (await readFile(HF_TOKEN_PATH || join(home, 'token'), 'utf8').catch(() => '')).trim();
  return {
    cacheFolder: HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, 'hub'),
    endpoint: (HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    ...(token === '' ? {} : { token }),
    offline: /^(?:1|on|yes|true)$/i.test(HF_HUB_OFFLINE ?? ''),
  };
}

/**
 * A repository in the cache that Python's huggingface_hub, llama.cpp and others share:
 *
 *     models--user--name/blobs/DIGEST                     contents
 *     models--user--name/refs/BRANCH                      the commit a branch was last seen at
 *     models--user--name/snapshots/COMMIT/path/of/file    link to its blob
 */
export class CachedRepo {
  readonly folder: string;
  readonly #repo: string;

  constructor(cacheFolder: string, repo: string) {
    this.#repo = repo;
    this.folder = join(cacheFolder, `models--${repo.replace('/', '--')}`);
  }

  blobPath(digest: string): string {
    return join(this.folder, 'blobs', digest);
  }

  snapshotFolder(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  snapshotPath(commit: string, path: string): string {
    return join(this.snapshotFolder(commit), checkRepoPath(this.#repo, path));
  }

  /** The commit that a branch, tag or commit was last seen at; undefined when it was never fetched. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(this.#refPath(revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return;
    const path = this.#refPath(revision);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}.partial`;
    await writeFile(temporary, commit);
    await rename(temporary, path);
  }

  /** Paths of the files that a snapshot has. */
  async files(commit: string): Promise<string[]> {
    const folder = this.snapshotFolder(commit);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
    return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  }

  /** Makes a blob visible under its name in a snapshot: by a relative link, or a copy where links are not allowed. */
  async link(commit: string, path: string, digest: string): Promise<void> {
    const target = this.snapshotPath(commit, path);
    if (await exists(target)) return;
    await mkdir(dirname(target), { recursive: true });
    try {
      await symlink(relative(dirname(target), this.blobPath(digest)), target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPERM') await copyFile(this.blobPath(digest), target);
      else if (code !== 'EEXIST') throw error;
    }
  }

  #refPath(revision: string): string {
    return join(this.folder, 'refs', checkRepoPath(this.#repo, revision));
  }
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
