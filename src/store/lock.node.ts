import { rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../core/database.node.ts';
import type { LockOptions } from './types.ts';

/** Many may hold a lock shared, one alone exclusively. */
export type LockMode = 'shared' | 'exclusive';

/** A lock held. */
export interface Lock {
  release(): void;
}

/**
 * The operating system's file locks, by way of SQLite, which has them for every platform: an empty database in a
 * transaction. Whoever dies has released them; there is no stale lock to break, and no process number to mistake.
 * @see SQLite, File Locking And Concurrency In SQLite Version 3
 */
const BEGIN: Readonly<Record<LockMode, string>> = {
  shared: 'BEGIN; SELECT count(*) FROM sqlite_schema',
  exclusive: 'BEGIN EXCLUSIVE',
};

/** SQLITE_BUSY; SQLITE_IOERR, whose extended codes have it in their lowest byte. */
const BUSY = 5;
const IO_ERROR = 10;
const PRIMARY = 0xff;
/** Failed reads after which the disk is to blame. */
const MOST_FAILURES = 100;
/** Between looks at a lock that another process holds, from the first to the later ones. */
const POLL_MS = [20, 250] as const;

/**
 * Takes the lock of a file, made when absent; undefined when another holds it in a way that does not go together.
 * @throws the system's error where there are no locks: the folder is missing or read-only, a file system without them
 */
export function tryLock(path: string, mode: LockMode): Lock | undefined {
  for (let failures = 0; ; ) {
    const database = open(path);
    const before = inodeOf(path);
    try {
      database.exec(BEGIN[mode]);
      if (mode === 'shared') database.prepare('SELECT count(*) FROM sqlite_schema').get();
    } catch (error) {
      database.close();
      const code = (error as { errcode?: number }).errcode ?? 0;
      if (code === BUSY) return undefined;
      // A read fails where the last holder removes the file in between; a broken disk fails every time.
      if ((code & PRIMARY) === IO_ERROR && failures++ < MOST_FAILURES) continue;
      throw systemError(path, error);
    }
    // The last holder may have removed the file that was opened: then the lock of the path is another file's.
    if (before !== undefined && inodeOf(path) === before) return { release: () => database.close() };
    database.close();
  }
}

function open(path: string): DatabaseSync {
  try {
    return openDatabase(path, { timeout: 0 });
  } catch (error) {
    throw systemError(path, error);
  }
}

/**
 * What the system says of a file beside the lock: SQLite only says that it could not. The lock itself is not touched, since
 * closing any file gives up all locks that this process has on it.
 */
function systemError(path: string, error: unknown): unknown {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(beside, 'x');
    rmSync(beside);
    return error;
  } catch (system) {
    rmSync(beside, { force: true });
    return system;
  }
}

/** Waits for the lock. @throws signal.reason when aborted, and as `tryLock` */
export async function lock(path: string, mode: LockMode, { signal, onWait }: LockOptions = {}): Promise<Lock> {
  for (let wait = POLL_MS[0] as number, first = true; ; wait = Math.min(POLL_MS[1], wait * 1.5), first = false) {
    const taken = tryLock(path, mode);
    if (taken !== undefined) return taken;
    if (first) onWait?.();
    await sleep(wait);
    signal?.throwIfAborted();
  }
}

/** Removes the file of a lock that is held exclusively, and releases it; whoever waits for it takes a new file. */
export async function releaseAndRemove(path: string, held: Lock): Promise<void> {
  // Windows does not remove open files: there it stays, empty.
  await rm(path, { force: true }).catch(() => {});
  held.release();
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
