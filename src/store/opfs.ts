import { BitbudgetError } from '../core/errors.ts';
import { sha256Hex } from '../core/hash.ts';
import type { Entry, EntryKey, EntryLabel, LockOptions, Store } from './types.ts';

/*
 * Kept work of a browser: the origin's private file system, with the browser's own locks. It outlives the tab; what a closed
 * tab was doing is let go of by itself.
 * @see File System Standard (WHATWG), Web Locks API (W3C)
 */

/** Layout of the folder; another version's entries lie beside ours and are left alone. */
const LAYOUT = 'v1';
/** Tells what an entry is; its time is when the entry was last used. */
const LABEL = 'entry.json';
const DAY_MS = 86_400_000;
/** Work that nobody came back for. */
const UNUSED_DAYS = 90;

/**
 * The store of this origin.
 * @param name of its folder
 * @throws BitbudgetError where the browser keeps no files for pages
 */
export async function opfsStore(name = '.bitbudget'): Promise<Store> {
  const root = await originFolder();
  const entries = await (await root.getDirectoryHandle(name, { create: true })).getDirectoryHandle(LAYOUT, {
    create: true,
  });
  return new OpfsStore(name, entries);
}

/** The private file system of this origin. @throws BitbudgetError where there is none */
export async function originFolder(): Promise<FileSystemDirectoryHandle> {
  const storage = globalThis.navigator?.storage;
  if (storage?.getDirectory === undefined)
    throw new BitbudgetError(
      'storage: this page has no private file system; serve it by https or from localhost, in a window that is not private',
      { code: 'storage' },
    );
  return await storage.getDirectory();
}

class OpfsStore implements Store {
  readonly folder: string;
  readonly #entries: FileSystemDirectoryHandle;

  constructor(folder: string, entries: FileSystemDirectoryHandle) {
    this.folder = folder;
    this.#entries = entries;
  }

  async open(key: EntryKey, label: EntryLabel): Promise<Entry> {
    return await this.#open(await entryId(key), key.step, label);
  }

  async find(key: EntryKey): Promise<Entry | undefined> {
    const id = await entryId(key);
    const folder = await ifThere(this.#entries.getDirectoryHandle(id));
    if (folder === undefined || (await ifThere(folder.getFileHandle(LABEL))) === undefined) return undefined;
    return await this.#enter(id, folder, async () => []);
  }

  async openJob(group: EntryKey, job: unknown, label: EntryLabel): Promise<Entry> {
    const prefix = await entryId(group);
    const id = await entryId({ step: prefix, of: job });
    return await this.#open(id, group.step, label, async () => {
      const siblings: FileSystemDirectoryHandle[] = [];
      for await (const [name, handle] of this.#entries.entries())
        if (name.startsWith(`${prefix}-`) && name !== id && handle.kind === 'directory')
          siblings.push(handle as FileSystemDirectoryHandle);
      return siblings;
    });
  }

  async evict(): Promise<void> {
    for await (const [id, handle] of this.#entries.entries()) {
      const label = await ifThere((handle as FileSystemDirectoryHandle).getFileHandle(LABEL));
      const usedAt = label === undefined ? 0 : (await label.getFile()).lastModified;
      if (Date.now() - usedAt > UNUSED_DAYS * DAY_MS) await this.#remove(id);
    }
  }

  async #open(id: string, step: string, label: EntryLabel, siblings: Siblings = async () => []): Promise<Entry> {
    const folder = await this.#entries.getDirectoryHandle(id, { create: true });
    const entry = await this.#enter(id, folder, siblings);
    await writeFile(folder, LABEL, new TextEncoder().encode(JSON.stringify({ step, ...label })));
    return entry;
  }

  async #enter(id: string, folder: FileSystemDirectoryHandle, siblings: Siblings): Promise<Entry> {
    const release = await hold(this.#lock(id));
    return new OpfsEntry(folder, this.#lock(id), siblings, {
      close: async () => release(),
      discard: async () => {
        release();
        await this.#remove(id);
      },
    });
  }

  /** Removes an entry that nobody has open. */
  async #remove(id: string): Promise<void> {
    await navigator.locks.request(this.#lock(id), { ifAvailable: true }, async (lock) => {
      if (lock !== null) await this.#entries.removeEntry(id, { recursive: true }).catch(() => {});
    });
  }

  #lock(id: string): string {
    return `bitbudget ${this.folder} ${id}`;
  }
}

/** Entries that an entry looks in for what it lacks. */
type Siblings = () => Promise<readonly FileSystemDirectoryHandle[]>;

class OpfsEntry implements Entry {
  /** Files of a browser are written as records alone. */
  readonly scratch = '';
  readonly #folder: FileSystemDirectoryHandle;
  readonly #lock: string;
  readonly #siblings: Siblings;
  readonly #ways: Pick<Entry, 'close' | 'discard'>;

  constructor(
    folder: FileSystemDirectoryHandle,
    lock: string,
    siblings: Siblings,
    ways: Pick<Entry, 'close' | 'discard'>,
  ) {
    this.#folder = folder;
    this.#lock = lock;
    this.#siblings = siblings;
    this.#ways = ways;
  }

  async has(name: string): Promise<boolean> {
    return (await this.#find(name)) !== undefined;
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const file = await this.#find(name);
    return file && new Uint8Array(await file.arrayBuffer());
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(this.#folder, await recordFile(name), bytes);
  }

  async drop(name: string): Promise<void> {
    await this.#folder.removeEntry(await recordFile(name)).catch(() => {});
  }

  async exclusively<T>(name: string, work: () => Promise<T>, { signal, onWait }: LockOptions = {}): Promise<T> {
    const lock = `${this.#lock} ${name}`;
    const alone = await navigator.locks.request(lock, { ifAvailable: true }, async (held) =>
      held === null ? undefined : { result: await work() },
    );
    if (alone !== undefined) return alone.result;
    onWait?.();
    return await navigator.locks.request(lock, { signal }, work);
  }

  async close(): Promise<void> {
    await this.#ways.close();
  }

  async discard(): Promise<void> {
    await this.#ways.discard();
  }

  async #find(name: string): Promise<File | undefined> {
    const record = await recordFile(name);
    const own = await wholeFile(this.#folder, record);
    if (own !== undefined) return own;
    for (const folder of await this.#siblings()) {
      const found = await wholeFile(folder, record);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Name of an entry's folder. */
async function entryId({ step, of }: EntryKey): Promise<string> {
  return `${step}-${await digest(JSON.stringify(of))}`;
}

async function recordFile(name: string): Promise<string> {
  return `${await digest(name)}.record`;
}

async function digest(text: string): Promise<string> {
  return (await sha256Hex(new TextEncoder().encode(text))).slice(0, 32);
}

/** Holds a lock shared with others. @returns what lets it go */
async function hold(name: string): Promise<() => void> {
  return await new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { mode: 'shared' }, () => new Promise<void>((release) => resolve(() => release())))
      .catch(reject);
  });
}

/** A file of the folder; undefined where it is not there, or was only begun: a tab that is closed leaves it empty. */
async function wholeFile(folder: FileSystemDirectoryHandle, name: string): Promise<File | undefined> {
  const file = await (await ifThere(folder.getFileHandle(name)))?.getFile();
  return file?.size === 0 ? undefined : file;
}

/** undefined for a file or folder that is not there. */
async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return await found.catch((error: DOMException) => {
    if (error.name === 'NotFoundError') return undefined;
    throw error;
  });
}

/**
 * Writes a file of the private file system: it is there whole or not at all.
 * @throws BitbudgetError when it cannot be written, such as for want of room
 */
export async function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await folder.getFileHandle(name, { create: true });
    const stream = await handle.createWritable();
    await stream.write(bytes as Uint8Array<ArrayBuffer>);
    await stream.close();
  } catch (cause) {
    throw cannotWrite(name, cause as Error);
  }
}

/** What to do about a file that cannot be written. */
export function cannotWrite(name: string, cause: Error): BitbudgetError {
  const advice =
    cause.name === 'QuotaExceededError'
      ? 'the room of this site is used up; make room, and the same job goes on'
      : `${cause.name}; check the browser's storage`;
  return new BitbudgetError(`${name}: cannot be written: ${advice}`, { code: 'storage', cause });
}
