import { FormatError } from '../core/errors.ts';

/** A text and what identifies it in the files made from it. */
export interface LoadedText {
  readonly text: string;
  /** SHA-256 of the text's UTF-8, hexadecimal. */
  readonly hash: string;
}

/**
 * Text of a browser `File` or `Blob`, gunzipped when it is gzip (told by its first two bytes, not by its name).
 * Several are joined with nothing between them.
 * @throws FormatError when it is not UTF-8 or the gzip data is damaged
 */
export async function loadBlobs(blobs: readonly Blob[]): Promise<LoadedText> {
  const parts = await Promise.all(
    blobs.map(async (blob) => decodeText(await unzipped(blob), (blob as File).name ?? 'text')),
  );
  return describeText(parts.join(''));
}

/** UTF-8 bytes as text, a byte order mark dropped. @param name for the message @throws FormatError when it is not UTF-8 */
export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${name}: not UTF-8 text; convert it to UTF-8 or check that it is the right file`);
  }
}

/** Whether bytes start as gzip data do. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** A text with its hash. */
export async function describeText(text: string): Promise<LoadedText> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { text, hash };
}

async function unzipped(blob: Blob): Promise<Uint8Array> {
  const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  if (!isGzip(head)) return new Uint8Array(await blob.arrayBuffer());
  try {
    return new Uint8Array(await new Response(blob.stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
  } catch {
    throw new FormatError(`${(blob as File).name ?? 'text'}: damaged gzip data; fetch the file again`);
  }
}
