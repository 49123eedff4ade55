import { BitbudgetError } from '../../core/errors.ts';
import type { ByteSource } from '../types.ts';
import type { SourceFolder } from './range.ts';
import { checkRange } from './range.ts';

export interface HttpOptions {
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sent with every request: `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * A file behind a URL, read by range requests.
 * @throws BitbudgetError when the server fails, or does not do ranges: then the file must be downloaded first
 */
export async function httpSource(url: string, options: HttpOptions = {}): Promise<ByteSource> {
  const source = await openHttp(url, options);
  if (source === undefined) throw new BitbudgetError(`${url}: not found (404)`);
  return source;
}

/** Files beside each other behind a URL that ends in `/`. A 404 is a file that is not there. */
export function httpFolder(baseUrl: string, options: HttpOptions = {}): SourceFolder {
  return {
    name: baseUrl,
    open: (fileName) => openHttp(new URL(encodeURIComponent(fileName), baseUrl).href, options),
  };
}

async function openHttp(url: string, options: HttpOptions): Promise<ByteSource | undefined> {
  const first = await request(url, options, 'bytes=0-0');
  await first.body?.cancel();
  if (first.status === 404) return undefined;
  // An empty file has no byte 0: the answer is 416 with `bytes */0`.
  const size = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  if ((first.status !== 206 && first.status !== 416) || size === undefined) {
    throw new BitbudgetError(
      `${url}: answered ${first.status} to a range request; expected 206 with a size. Download the file first`,
    );
  }
  // If the file changes between two reads, its parts would not belong together.
  const version = first.headers.get('etag') ?? first.headers.get('last-modified');
  const source: ByteSource = {
    name: url,
    byteLength: Number(size),
    async read(start, end) {
      checkRange(source, start, end);
      if (start === end) return new Uint8Array(0);
      const response = await request(url, options, `bytes=${start}-${end - 1}`);
      if (response.status !== 206)
        throw new BitbudgetError(`${url}: answered ${response.status} to bytes ${start} to ${end}; expected 206`);
      if ((response.headers.get('etag') ?? response.headers.get('last-modified')) !== version) {
        throw new BitbudgetError(`${url}: changed while it was read; open it again`);
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length !== end - start)
        throw new BitbudgetError(`${url}: sent ${bytes.length} bytes, ${end - start} were asked for`);
      return bytes;
    },
    async close() {},
  };
  return source;
}

async function request(url: string, options: HttpOptions, range: string): Promise<Response> {
  const get = options.fetch ?? fetch;
  try {
    return await get(url, { headers: { ...options.headers, range }, signal: options.signal });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new BitbudgetError(`${url}: cannot be reached (${(cause as Error).message})`, { cause });
  }
}
