import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BitbudgetError } from '../../core/errors.ts';
import type { WorkOptions } from '../../core/progress.ts';

/** A file to fetch. */
export interface RemoteFile {
  /** For messages and progress. */
  readonly name: string;
  readonly byteLength: number;
  /** SHA-256 of the contents, or git's SHA-1 of them as a blob; hexadecimal. */
  readonly digest: string;
  /** Its bytes from an offset on. Throws BitbudgetError when trying again is pointless. */
  open(offset: number): Promise<ReadableStream<Uint8Array>>;
}

export interface DownloadOptions extends WorkOptions {
  /** Milliseconds before the first new try after a cut connection; doubles each time. Default 1000. */
  readonly retryDelay?: number;
  /** Tries in a row that bring no byte before giving up. Default 5. */
  readonly retries?: number;
}

/** Where a file that has not arrived whole lies. */
export const incompletePath = (path: string): string => `${path}.incomplete`;

/**
 * Fetches a file to `path`. What has arrived is kept as `path.incomplete` and continued after a cut connection or by a
 * later call; the name `path` appears only when the contents match their digest.
 * @throws BitbudgetError when the server keeps failing or the contents do not match; `signal.reason` when aborted
 */
export async function download(file: RemoteFile, path: string, options: DownloadOptions = {}): Promise<void> {
  const incomplete = incompletePath(path);
  await mkdir(dirname(path), { recursive: true });
  const continued = (await sizeOf(incomplete)) > 0;
  await fetchRest(file, incomplete, options);
  if (!(await matches(file, incomplete, options))) {
    await rm(incomplete, { force: true });
    // What an earlier run left behind may have been damaged: begin anew, once.
    if (continued) return download(file, path, options);
    throw new BitbudgetError(
      `${file.name}: the server's bytes do not match their checksum ${file.digest}; try again later`,
    );
  }
  await rename(incomplete, path);
}

async function fetchRest(file: RemoteFile, incomplete: string, options: DownloadOptions): Promise<void> {
  const { retryDelay = 1000, retries = 5, signal } = options;
  let failures = 0;
  for (;;) {
    const have = await sizeOf(incomplete);
    if (have === file.byteLength) return;
    if (have > file.byteLength) await rm(incomplete);
    try {
      await append(file, incomplete, have > file.byteLength ? 0 : have, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof BitbudgetError) throw error;
      failures = (await sizeOf(incomplete)) > have ? 1 : failures + 1;
      if (failures > retries) {
        throw new BitbudgetError(
          `${file.name}: the connection failed ${failures} times (${messageOf(error)}); run again to continue at byte ${have}`,
          { cause: error },
        );
      }
      await delay(retryDelay * 2 ** (failures - 1), undefined, { signal });
    }
  }
}

/** Appends what one connection brings. Throws when it ends before the file does. */
async function append(
  file: RemoteFile,
  incomplete: string,
  offset: number,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  const handle = await open(incomplete, 'a');
  try {
    let done = offset;
    const report = () =>
      onProgress?.({ stage: 'downloading', done, total: file.byteLength, unit: 'bytes', detail: file.name });
    report();
    if (file.byteLength > 0) {
      for await (const chunk of await file.open(offset)) {
        signal?.throwIfAborted();
        if (done + chunk.length > file.byteLength) {
          throw new BitbudgetError(
            `${file.name}: the server sends more than the ${file.byteLength} bytes it announced`,
          );
        }
        await handle.writeFile(chunk);
        done += chunk.length;
        report();
      }
    }
    await handle.sync();
    if (done < file.byteLength) throw new Error(`the connection ended at byte ${done} of ${file.byteLength}`);
  } finally {
    await handle.close();
  }
}

async function matches(file: RemoteFile, path: string, { signal, onProgress }: DownloadOptions): Promise<boolean> {
  const isGit = file.digest.length === 40;
  const hash = createHash(isGit ? 'sha1' : 'sha256');
  if (isGit) hash.update(`blob ${file.byteLength}\0`);
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk);
    done += chunk.length;
    onProgress?.({ stage: 'checking', done, total: file.byteLength, unit: 'bytes', detail: file.name });
  }
  return hash.digest('hex') === file.digest;
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
