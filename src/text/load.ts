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
    blobs.map(async (blob) => {
      const name = (blob as File).name ?? 'text';
      return decodeText(await gunzipped(new Uint8Array(await blob.arrayBuffer()), name), name);
    }),
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

/** Bytes, gunzipped where they are gzip. @param name for the message @throws FormatError when the gzip data is damaged */
export async function gunzipped(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  try {
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
    return new Uint8Array(await new Response(stream.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
  } catch {
    throw new FormatError(`${name}: damaged gzip data; fetch the file again`);
  }
}
