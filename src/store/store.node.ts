import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeEntry, entryId, type FolderEntry, findEntry, isTrash, openEntry, removeEntry } from './entry.node.ts';
import { evict } from './prune.node.ts';
import type { Entry, EntryInfo, EntryKey, EntryLabel, PrunableStore, Store } from './types.ts';

/** Layout of the folder; another version's entries lie beside ours and are left alone. */
const LAYOUT = 'v1';

/** All entries of one folder. Any number of processes may work with it. */
export class WorkStore implements Store, PrunableStore {
  /** As people know it. */
  readonly folder: string;
  readonly #entries: string;

  /** @param folder made when something is kept */
  constructor(folder: string) {
    this.folder = folder;
    this.#entries = join(folder, LAYOUT);
  }

  async open(key: EntryKey, label: EntryLabel): Promise<Entry> {
    return await openEntry(join(this.#entries, entryId(key)), key.step, label);
  }

  async find(key: EntryKey): Promise<Entry | undefined> {
    return await findEntry(join(this.#entries, entryId(key)));
  }

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

  async list(): Promise<EntryInfo[]> {
    const names = await readdir(this.#entries).catch(() => []);
    const found = await Promise.all(
      names.filter((name) => !isTrash(name)).map((name) => describeEntry(this.#path(name)).catch(() => undefined)),
    );
    return found.filter((info) => info !== undefined).sort((a, b) => b.usedAt - a.usedAt);
  }

  async remove({ id }: Pick<EntryInfo, 'id'>): Promise<boolean> {
    return await removeEntry(this.#path(id));
  }

  async sweep(): Promise<void> {
    for (const name of await readdir(this.#entries).catch(() => []))
      if (isTrash(name)) await rm(this.#path(name), { recursive: true, force: true });
  }

  async evict(): Promise<void> {
    await evict(this);
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
