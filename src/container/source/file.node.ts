import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { BitbudgetError } from '../../core/errors.ts';
import type { ByteSink, ByteSource } from '../types.ts';
import type { SourceFolder } from './range.ts';
import { checkBareName, checkRange } from './range.ts';

// One read call of the operating system moves at most 2^31 − 4096 bytes.
const largestTransfer = 2 ** 30;

/** A file on disk as a source. Throws BitbudgetError when it cannot be opened. */
export async function fileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new BitbudgetError(`${path}: cannot be opened (${cause.code})`, { cause });
  });
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw new BitbudgetError(`${path}: is not a file; expected a .gguf or .safetensors file`);
  }
  const source: ByteSource = {
    name: path,
    byteLength: status.size,
    async read(start, end) {
      checkRange(source, start, end);
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(
          bytes,
          done,
          Math.min(bytes.length - done, largestTransfer),
          start + done,
        );
        if (bytesRead === 0)
          throw new BitbudgetError(`${path}: became shorter while it was read, at byte ${start + done}`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
  return source;
}

/**
 * Output file: written under a temporary name in the same folder, fsynced and renamed to `path` on commit, so that
 * `path` never names half a file, not even after a power cut. What a killed process left of the same output is removed.
 */
export async function fileSink(path: string): Promise<ByteSink> {
  const folder = dirname(path);
  await removeOrphans(path);
  const temporary = join(
    folder,
    `${orphanPrefix(path)}${process.pid}-${randomBytes(4).toString('hex')}${orphanSuffix}`,
  );
  const handle = await open(temporary, 'wx').catch((cause: NodeJS.ErrnoException) => {
    throw new BitbudgetError(`${path}: cannot be written (${cause.code})`, { cause });
  });
  let isOpen = true;
  let isNamed = false;
  const close = async () => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  return {
    async write(bytes) {
      try {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, largestTransfer));
          done += bytesWritten;
        }
      } catch (cause) {
        throw new BitbudgetError(`${path}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, { cause });
      }
    },
    async commit() {
      await handle.sync();
      await close();
      await rename(temporary, path);
      isNamed = true;
      await syncFolder(folder);
    },
    async abort() {
      await close();
      if (!isNamed) await rm(temporary, { force: true });
    },
  };
}

/** Writes a small file whole, by the same rules. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const sink = await fileSink(path);
  try {
    await sink.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

const orphanSuffix = '.partial';

function orphanPrefix(path: string): string {
  return `.${basename(path)}.${hostname()}-`;
}

/** Removes what processes of this machine that were killed left of the same output. */
async function removeOrphans(path: string): Promise<void> {
  const prefix = orphanPrefix(path);
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith(orphanSuffix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid > 0 && !isRunning(pid)) await rm(join(dirname(path), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A folder on disk; only bare file names are opened. */
export function diskFolder(path: string): SourceFolder {
  return {
    name: path,
    async open(fileName) {
      checkBareName(path, fileName);
      try {
        return await fileSource(join(path, fileName));
      } catch (error) {
        if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}

/** Makes a rename durable. Windows cannot open folders; there it is left to the file system. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path === '' ? '.' : path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
