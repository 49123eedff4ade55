import type { ByteSource } from '../types.ts';
import type { SourceFolder } from './range.ts';
import { checkRange } from './range.ts';

/** A browser `File` or `Blob` as a source. */
export function blobSource(blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: blob.size,
    async read(start, end) {
      checkRange(source, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
    async close() {},
  };
  return source;
}

/** Files picked together (`<input type="file" multiple>`) as a folder. */
export function blobFolder(files: Iterable<File>, name = 'files'): SourceFolder {
  const byName = new Map<string, File>();
  for (const file of files) byName.set(file.name, file);
  return {
    name,
    async open(fileName) {
      const file = byName.get(fileName);
      return file === undefined ? undefined : blobSource(file);
    },
  };
}
