import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { BitbudgetError, FormatError, UsageError } from '../core/errors.ts';
import type { Corpus } from './corpus.ts';
import { isGzip } from './load.ts';
import { documentsOf, documentsOfParquet, mostTextBytes, textEndings } from './read-documents.ts';
import type { Document } from './records.ts';

/**
 * Texts of files and folders, in the order named, a folder's by their paths: .txt and the like are plain, .jsonl, .json
 * and .parquet hold texts or conversations, each gunzipped where it is gzip.
 * @throws UsageError when one is not there, empty or too long, or a folder holds no texts; FormatError when one is damaged
 */
export async function loadCorpus(paths: readonly string[]): Promise<Corpus> {
  const documents: Document[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      const found = await readFileTexts(file);
      if (found.every((document) => 'text' in document && document.text.trim() === ''))
        throw new UsageError(`${file}: is empty; give a file with text`);
      documents.push(...found);
    }
  }
  return { documents };
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new UsageError(`${path}: no such file or folder; check the path`);
    throw new BitbudgetError(`${path}: cannot be read (${error.code ?? error.message}); check the path`);
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const inside = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)));
  const texts = inside.filter(
    (name) => !/(?:^|[\\/])\./.test(name) && textEndings.some((ending) => plainName(name).endsWith(ending)),
  );
  if (texts.length === 0) {
    throw new UsageError(
      `${path}: holds no text among its ${inside.length} files; expected ${textEndings.join(', ')}, each also .gz`,
    );
  }
  return texts.sort().map((name) => join(path, name));
}

const plainName = (path: string): string => path.replace(/\.gz$/i, '').toLowerCase();

async function readFileTexts(path: string): Promise<Document[]> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new BitbudgetError(`${path}: cannot be read (${error.code ?? error.message}); check the path`);
  });
  try {
    const { size } = await handle.stat();
    if (/\.parquet$/i.test(path)) return await documentsOfParquet(parted(path, handle, size));
    if (size > mostTextBytes) throw tooLong(path, size);
    const raw = await handle.readFile();
    const bytes = isGzip(raw) ? await unzipped(path, raw) : raw;
    return documentsOf(path.replace(/\.gz$/i, ''), bytes);
  } finally {
    await handle.close();
  }
}

function parted(name: string, handle: FileHandle, byteLength: number) {
  return {
    name,
    byteLength,
    async slice(start: number, end = byteLength): Promise<ArrayBuffer> {
      const bytes = new Uint8Array(Math.max(0, end - start));
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) throw new FormatError(`${name}: ends before byte ${end}`);
        done += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function unzipped(path: string, raw: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(raw, { maxOutputLength: mostTextBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLong(path, undefined);
    throw new FormatError(`${path}: damaged gzip data; fetch the file again`, { cause: error });
  }
}

function tooLong(path: string, size: number | undefined): UsageError {
  const found = size === undefined ? 'unpacks to more' : `is ${Math.round(size / 2 ** 20)} MiB`;
  return new UsageError(
    `${path}: ${found}, expected at most ${mostTextBytes / 2 ** 20} MiB of text; give a part of it`,
  );
}
