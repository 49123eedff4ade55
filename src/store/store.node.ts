import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeEntry, entryId, type FolderEntry, findEntry, isTrash, openEntry, removeEntry } from './entry.node.ts';
import type { Entry, EntryInfo, EntryKey, EntryLabel } from './types.ts';

/** Layout of the folder; another version's entries lie beside ours and are left alone. */
const LAYOUT = 'v1';

/** All entries of one folder. Any number of processes may work with it. */
export class WorkStore {
  /** As people know it. */
  readonly folder: string;
  readonly #entries: string;

  /** @param folder made when something is kept */
  constructor(folder: string) {
    this.folder = folder;
    this.#entries = join(folder, LAYOUT);
  }

  /** Opens the entry of a key, made when absent. The caller closes it. @throws BitbudgetError when it cannot be made */
  async open(key: EntryKey, label: EntryLabel): Promise<Entry> {
    return await openEntry(join(this.#entries, entryId(key)), key.step, label);
  }

  /** Opens the entry of a key where it is there; makes nothing. */
  async find(key: EntryKey): Promise<Entry | undefined> {
    return await findEntry(join(this.#entries, entryId(key)));
  }

  /**
   * Opens the entry of one job out of several with the same results: what other jobs of the group have is shared, and
   * each removes its own.
   * @param group what all the jobs' records depend on
   * @param job what this one is for
   */
  async openJob(group: EntryKey, job: unknown, label: EntryLabel): Promise<Entry> {
    const prefix = `${entryId(group)}-`;
    const id = entryId({ step: entryId(group), of: job });
    const entry = await openEntry(join(this.#entries, id), group.step, label);
    const siblings = async (): Promise<string[]> => {
      const names = await readdir(this.#entries).catch(() => []);
      return names.filter((name) => name.startsWith(prefix) && name !== id).map((name) => join(this.#entries, name));
    };
    return sharing(entry, siblings);
  }

  /** All entries, those used last first. */
  async list(): Promise<EntryInfo[]> {
    const names = await readdir(this.#entries).catch(() => []);
    const found = await Promise.all(
      names.filter((name) => !isTrash(name)).map((name) => describeEntry(this.#path(name)).catch(() => undefined)),
    );
    return found.filter((info) => info !== undefined).sort((a, b) => b.usedAt - a.usedAt);
  }

  /** Removes an entry. @returns false when it is in use */
  async remove({ id }: Pick<EntryInfo, 'id'>): Promise<boolean> {
    return await removeEntry(this.#path(id));
  }

  /** Removes what killed removals left. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#entries).catch(() => []))
      if (isTrash(name)) await rm(this.#path(name), { recursive: true, force: true });
  }

  #path(id: string): string {
    return join(this.#entries, id);
  }
}

/** An entry that looks for what it lacks in its siblings. */
function sharing(entry: FolderEntry, siblings: () => Promise<string[]>): Entry {
  const found = async (name: string): Promise<boolean> => {
    if (await entry.has(name)) return true;
    for (const folder of await siblings()) if (await entry.linkFrom(folder, name)) return true;
    return false;
  };
  return {
    scratch: entry.scratch,
    has: found,
    get: async (name) => ((await found(name)) ? await entry.get(name) : undefined),
    put: (name, bytes) => entry.put(name, bytes),
    drop: (name) => entry.drop(name),
    exclusively: (name, work, options) => entry.exclusively(name, work, options),
    close: () => entry.close(),
    discard: () => entry.discard(),
  };
}
