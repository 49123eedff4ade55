import { UsageError } from '../core/errors.ts';
import type { Corpus } from './corpus.ts';
import { gunzipped } from './load.ts';
import { documentsOf, documentsOfParquet } from './read-documents.ts';

/**
 * Texts of a browser's `File`, or of a `Blob`: what its name says it holds, as `loadCorpus` reads files; gunzipped where it is gzip.
 * @param name with its ending, default the file's own; a blob without one is plain text
 * @throws UsageError when it is empty, FormatError when it is damaged
 */
export async function corpusOfBlob(blob: Blob, name = (blob as File).name ?? 'text'): Promise<Corpus> {
  if (/\.parquet$/i.test(name)) {
    const file = {
      name,
      byteLength: blob.size,
      slice: (start: number, end?: number) => blob.slice(start, end).arrayBuffer(),
    };
    return { documents: await documentsOfParquet(file) };
  }
  const bytes = await gunzipped(new Uint8Array(await blob.arrayBuffer()), name);
  const documents = documentsOf(name.replace(/\.gz$/i, ''), bytes);
  if (documents.every((document) => 'text' in document && document.text.trim() === ''))
    throw new UsageError(`${name}: is empty; give a file with text`);
  return { documents };
}
