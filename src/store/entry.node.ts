import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Lock, lock, releaseAndRemove, tryLock } from './lock.node.ts';
import { cannotWrite, FolderRecords, TEMPORARY } from './records.node.ts';
import type { Entry, EntryInfo, EntryKey, EntryLabel, LockOptions } from './types.ts';

/** Tells people and `cache list` what an entry is; its time is when the entry was last used. */
const LABEL = 'entry.json';
/** Held shared by whoever has the entry open, exclusively by whoever removes it. */
const USE = 'use.lock';
const SCRATCH = 'scratch';
/** Folders on their way out; a name that no entry has. */
const TRASH = '.removed-';

/** Name of an entry's folder. */
export function entryId({ step, of }: EntryKey): string {
  return `${step}-${createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32)}`;
}

/** Opens the entry of a folder, made when absent. */
export async function openEntry(folder: string, step: string, label: EntryLabel): Promise<FolderEntry> {
  try {
    for (;;) {
      await mkdir(folder, { recursive: true });
      const use = await enter(folder);
      if (use === undefined) continue;
      await touch(folder, step, label);
      return new FolderEntry(folder, use);
    }
  } catch (error) {
    throw cannotWrite(folder, error as NodeJS.ErrnoException);
  }
}

/** The entry of a folder to be read, its time of use left as it is; undefined where there is none. */
export async function findEntry(folder: string): Promise<FolderEntry | undefined> {
  if (!(await exists(join(folder, LABEL)))) return undefined;
  try {
    return new FolderEntry(folder, await lock(join(folder, USE), 'shared'));
  } catch {
    return undefined;
  }
}

/** Takes the entry into use; what killed processes left is removed if nobody else uses it. undefined: it was just removed. */
async function enter(folder: string): Promise<Lock | undefined> {
  const path = join(folder, USE);
  try {
    const alone = tryLock(path, 'exclusive');
    if (alone !== undefined) {
      try {
        await sweep(folder);
      } finally {
        alone.release();
      }
    }
    return await lock(path, 'shared');
  } catch (error) {
    if (await exists(folder)) throw error;
    return undefined;
  }
}

async function sweep(folder: string): Promise<void> {
  await rm(join(folder, SCRATCH), { recursive: true, force: true });
  for (const name of await readdir(folder)) if (name.endsWith(TEMPORARY)) await rm(join(folder, name), { force: true });
}

async function touch(folder: string, step: string, label: EntryLabel): Promise<void> {
  const path = join(folder, LABEL);
  const now = new Date();
  await utimes(path, now, now).catch(async () => {
    const temporary = `${path}.${process.pid}${TEMPORARY}`;
    await writeFile(temporary, JSON.stringify({ step, ...label }));
    await rename(temporary, path);
  });
}

/** Records of one folder, with its locks. */
export class FolderEntry extends FolderRecords implements Entry {
  readonly folder: string;
  readonly #use: Lock;

  constructor(folder: string, use: Lock) {
    super(folder);
    this.folder = folder;
    this.#use = use;
  }

  get scratch(): string {
    return join(this.folder, SCRATCH);
  }

  async exclusively<T>(name: string, work: () => Promise<T>, options?: LockOptions): Promise<T> {
    const path = join(this.folder, `${createHash('sha256').update(name).digest('hex').slice(0, 32)}.lock`);
    const held = await lock(path, 'exclusive', options).catch((error) => {
      options?.signal?.throwIfAborted();
      throw cannotWrite(this.folder, error as NodeJS.ErrnoException);
    });
    try {
      return await work();
    } finally {
      await releaseAndRemove(path, held);
    }
  }

  async close(): Promise<void> {
    this.#use.release();
  }

  async discard(): Promise<void> {
    this.#use.release();
    await removeEntry(this.folder);
  }
}

/** Removes the entry of a folder unless it is in use. @returns whether it is gone */
export async function removeEntry(folder: string): Promise<boolean> {
  if (!(await exists(folder))) return true;
  const path = join(folder, USE);
  const alone = tryLock(path, 'exclusive');
  if (alone === undefined) return false;
  const trash = join(dirname(folder), `${TRASH}${process.pid}-${basename(folder)}`);
  try {
    // Renamed first: nobody finds half an entry.
    await rename(folder, trash);
  } finally {
    alone.release();
  }
  await rm(trash, { recursive: true, force: true });
  return true;
}

/** Whether a name in the store's folder is what a removal left when it was killed. */
export function isTrash(name: string): boolean {
  return name.startsWith(TRASH);
}

/** What is known of an entry; undefined when the folder is none. */
export async function describeEntry(folder: string): Promise<EntryInfo | undefined> {
  const path = join(folder, LABEL);
  const label = await readFile(path, 'utf8')
    .then(JSON.parse)
    .catch(() => undefined);
  if (label === undefined) return undefined;
  const { step, model, detail } = label as { step: string } & EntryLabel;
  const { mtimeMs } = await stat(path);
  const use = tryLock(join(folder, USE), 'exclusive');
  use?.release();
  return {
    id: basename(folder),
    step,
    model,
    ...(detail !== undefined && { detail }),
    bytes: await sizeOf(folder),
    usedAt: mtimeMs,
    inUse: use === undefined,
  };
}

/** Bytes of all files below a folder; records that several entries share count in proportion. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.isFile()) bytes += found.size / found.nlink;
  }
  return Math.round(bytes);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
