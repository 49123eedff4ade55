import { BitbudgetError } from '../../core/errors.ts';
import type { WorkOptions } from '../../core/progress.ts';
import type { ByteSource } from '../types.ts';
import { blobSource } from './blob.ts';
import { baseName, type SourceFolder } from './range.ts';

/**
 * A file behind a URL, fetched whole: for work that reads it often. The browser keeps it, on the disk where it is large.
 * @throws BitbudgetError when it is not there, or the server cannot be reached
 */
export async function fetchSource(url: string, work: WorkOptions = {}): Promise<ByteSource> {
  const source = await fetchIfThere(url, work);
  if (source === undefined) throw new BitbudgetError(`${url}: not found (404)`, { code: 'network' });
  return source;
}

/** Files beside each other behind a URL that ends in `/`, each fetched whole. A 404 is a file that is not there. */
export function fetchFolder(baseUrl: string, work: WorkOptions = {}): SourceFolder {
  return {
    name: baseUrl,
    open: (fileName) => {
      const path = fileName.split('/').map(encodeURIComponent).join('/');
      return fetchIfThere(new URL(path, baseUrl).href, work);
    },
  };
}

async function fetchIfThere(url: string, { signal, onProgress }: WorkOptions): Promise<ByteSource | undefined> {
  try {
    const response = await fetch(url, { signal });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) throw new BitbudgetError(`${url}: answered ${response.status}`, { code: 'network' });
    const total = Number(response.headers.get('content-length') ?? 0);
    return blobSource(await counted(response, url, total, onProgress).blob(), url);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof BitbudgetError) throw cause;
    throw new BitbudgetError(`${url}: cannot be reached (${(cause as Error).message})`, { code: 'network', cause });
  }
}

/** The response, of whose bytes is told as they come. */
function counted(response: Response, url: string, total: number, onProgress: WorkOptions['onProgress']): Response {
  if (onProgress === undefined || response.body === null) return response;
  let done = 0;
  const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (chunk, controller) => {
      done += chunk.length;
      onProgress({ stage: 'downloading', done, total: Math.max(total, done), unit: 'bytes', detail: baseName(url) });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(count));
}
