import { copyFile, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { incompletePath } from './download.node.ts';
import { checkRepoPath } from './model-id.ts';

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

  /** Lock of a blob that is being fetched, where Python's huggingface_hub keeps its own. */
  lockPath(digest: string): string {
    return join(dirname(this.folder), '.locks', basename(this.folder), `${digest}.bitbudget`);
  }

  /** Bytes of a blob that an unfinished transfer left. */
  async arrived(digest: string): Promise<number> {
    return (await stat(incompletePath(this.blobPath(digest))).catch(() => undefined))?.size ?? 0;
  }

  snapshotFolder(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  snapshotPath(commit: string, path: string): string {
    return join(this.snapshotFolder(commit), localPath(this.#repo, path));
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
    return join(this.folder, 'refs', localPath(this.#repo, revision));
  }
}

/** A path of a repository as one of this system. Windows has characters of its own, which no file's name may hold. */
function localPath(repo: string, path: string): string {
  checkRepoPath(repo, path);
  if (sep === '\\' && /[\\:*?"<>|]/.test(path))
    throw new UsageError(
      `${repo}: ${JSON.stringify(path)} cannot be the name of a file on Windows; fetch it elsewhere`,
    );
  return path;
}

/** `user/name` of a snapshot in the cache, or a file at its top; undefined for any other path. */
export function repositoryOf(path: string): string | undefined {
  const full = resolve(path);
  for (const folder of [full, dirname(full)]) {
    const [snapshots, repo] = [dirname(folder), dirname(dirname(folder))];
    const match = /^models--(.+?)--(.+)$/.exec(basename(repo));
    if (isCommit(basename(folder)) && basename(snapshots) === 'snapshots' && match) return `${match[1]}/${match[2]}`;
  }
  return undefined;
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
