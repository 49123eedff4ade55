import { createHash, randomBytes } from 'node:crypto';
import { access, link, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BitbudgetError } from '../core/errors.ts';
import type { Records } from './types.ts';

/** Ends every record: CRC-32 of what stands before, then this. */
const MAGIC = 0x31726262; // `bbr1`
const TRAILER_BYTES = 8;
/** One call of the operating system moves at most 2³¹ − 4096 bytes. */
const MOST_AT_ONCE = 2 ** 30;

export const RECORD = '.record';
export const TEMPORARY = '.tmp';

/** File name of a record: names may be long and hold anything. */
export function recordFile(name: string): string {
  return `${createHash('sha256').update(name).digest('hex').slice(0, 32)}${RECORD}`;
}

/**
 * Records as files of a folder: written under a temporary name, renamed when whole. There is no fsync: a record that a
 * power cut left half is told by its checksum and made again.
 */
export class FolderRecords implements Records {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async has(name: string): Promise<boolean> {
    return await access(this.#path(name)).then(
      () => true,
      () => false,
    );
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const path = this.#path(name);
    const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new BitbudgetError(`${path}: cannot be read (${error.code}); check the disk, or remove the file`);
    });
    if (file === undefined) return undefined;
    const content = checked(file);
    if (content === undefined) await this.drop(name);
    return content;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}${TEMPORARY}`;
    try {
      const handle = await open(temporary, 'wx');
      try {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
          done += bytesWritten;
        }
        await handle.writeFile(trailer(bytes));
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw cannotWrite(this.#folder, error as NodeJS.ErrnoException);
    }
  }

  async drop(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  /** Shares a record of another folder on the same disk, which costs no room; false where it has none. */
  async linkFrom(folder: string, name: string): Promise<boolean> {
    try {
      await link(join(folder, recordFile(name)), this.#path(name));
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EEXIST';
    }
  }

  #path(name: string): string {
    return join(this.#folder, recordFile(name));
  }
}

function trailer(bytes: Uint8Array): Uint8Array {
  const end = new Uint8Array(TRAILER_BYTES);
  const view = new DataView(end.buffer);
  view.setUint32(0, crc32(bytes), true);
  view.setUint32(4, MAGIC, true);
  return end;
}

/** What a file holds; undefined when it is damaged. */
function checked(file: Uint8Array): Uint8Array | undefined {
  const length = file.length - TRAILER_BYTES;
  if (length < 0) return undefined;
  const view = new DataView(file.buffer, file.byteOffset + length, TRAILER_BYTES);
  const content = file.subarray(0, length);
  return view.getUint32(4, true) === MAGIC && view.getUint32(0, true) === crc32(content) ? content : undefined;
}

/** What to do about a store that takes nothing, by the system's code. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC:
    'the disk is full; make room (bitbudget cache prune, --work-dir on another disk), and the same command goes on',
  EDQUOT: 'your disk quota is used up; make room, and the same command goes on',
  ENOENT: 'the folder was removed while it was in use; run the same command again',
  EROFS: 'the file system is read-only; give --work-dir FOLDER on another',
  EACCES: 'it may not be written; give --work-dir FOLDER, or change its permissions',
};

export function cannotWrite(folder: string, error: NodeJS.ErrnoException): BitbudgetError {
  const advice =
    ADVICE[error.code ?? ''] ?? `${error.code ?? error.message}; check the disk, or give --work-dir FOLDER`;
  return new BitbudgetError(`${folder}: kept work cannot be written: ${advice}`, { cause: error });
}
