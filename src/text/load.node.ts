import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { BitbudgetError, FormatError } from '../core/errors.ts';
import type { LoadedText } from './load.ts';
import { decodeText, describeText, isGzip } from './load.ts';

/**
 * Text of UTF-8 files, gunzipped where they are gzip. Several are joined with nothing between them.
 * @throws BitbudgetError when a file cannot be read, FormatError when it is not UTF-8 or damaged
 */
export async function loadText(paths: readonly string[]): Promise<LoadedText> {
  const parts: string[] = [];
  for (const path of paths) parts.push(decodeText(await readPlain(path), path));
  return describeText(parts.join(''));
}

async function readPlain(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new BitbudgetError(`${path}: cannot be read (${error.code ?? error.message}); check the path`);
  });
  if (!isGzip(bytes)) return bytes;
  return promisify(gunzip)(bytes).catch(() => {
    throw new FormatError(`${path}: damaged gzip data; fetch the file again`);
  });
}
