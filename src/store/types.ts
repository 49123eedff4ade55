/*
 * What long work is kept in: one store for all verbs, folders and processes. It knows nothing of what it keeps: a step of
 * the work has an entry under a key, and an entry holds named records of bytes.
 */

/** What a result depends on. Names and paths are no part of it: equal contents find equal entries. */
export interface EntryKey {
  /** Kind of work: `measurement`, `prices`, `rounding`, `latency`, …; also the name of its folders. */
  readonly step: string;
  /** Everything that the result depends on; any value that JSON can hold. */
  readonly of: unknown;
}

/** What people are told of an entry; no part of its key. */
export interface EntryLabel {
  /** Name of the model, as it was called when the entry was made. */
  readonly model: string;
  /** Anything else worth showing. */
  readonly detail?: string;
}

/** Named records of bytes. Each is there whole or not at all, whenever a process is killed or the power fails. */
export interface Records {
  has(name: string): Promise<boolean>;
  /** undefined also for a record that is damaged: it is made again. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** @throws BitbudgetError when it cannot be written: the disk is full, the folder was removed */
  put(name: string, bytes: Uint8Array): Promise<void>;
  drop(name: string): Promise<void>;
}

/** How a lock is waited for. */
export interface LockOptions {
  /** Aborting ends the wait. */
  readonly signal?: AbortSignal;
  /** Called once when another process holds it. */
  readonly onWait?: () => void;
}

/** An entry in use. Nobody removes it before it is closed; a process that dies closes what it had open. */
export interface Entry extends Records {
  /** Where large temporary files may lie: emptied by the next that opens the entry when nobody else has it open. */
  readonly scratch: string;
  /** Runs `work` while no other process runs any under the same name. Locks save work: results never depend on them. */
  exclusively<T>(name: string, work: () => Promise<T>, options?: LockOptions): Promise<T>;
  close(): Promise<void>;
  /** Closes and removes it, unless somebody else has it open: then the last to discard it does. */
  discard(): Promise<void>;
}

/** All that is kept in one place. Any number of jobs, threads and processes may work with it. */
export interface Store {
  /** As people know it: a folder. */
  readonly folder: string;
  /** Opens the entry of a key, made when absent. The caller closes it. @throws BitbudgetError when it cannot be made */
  open(key: EntryKey, label: EntryLabel): Promise<Entry>;
  /** Opens the entry of a key where it is there; makes nothing. */
  find(key: EntryKey): Promise<Entry | undefined>;
  /**
   * Opens the entry of one job out of several with the same results: what other jobs of the group have is shared, and
   * each removes its own.
   * @param group what all the jobs' records depend on
   * @param job what this one is for
   */
  openJob(group: EntryKey, job: unknown, label: EntryLabel): Promise<Entry>;
  /** Removes what was kept too long, or is too much: whoever has added to it calls this at the end. */
  evict(): Promise<void>;
}

/** An entry as it is listed. */
export interface EntryInfo extends EntryLabel {
  /** Name of its folder. */
  readonly id: string;
  readonly step: string;
  readonly bytes: number;
  /** When it was last opened, in ms since 1970. */
  readonly usedAt: number;
  readonly inUse: boolean;
}

/** What entries are removed from. */
export interface PrunableStore {
  readonly folder: string;
  /** All entries, those used last first. */
  list(): Promise<EntryInfo[]>;
  /** Removes an entry. @returns false when it is in use */
  remove(entry: Pick<EntryInfo, 'id'>): Promise<boolean>;
  /** Removes what killed removals left. */
  sweep(): Promise<void>;
}
