/** Bytes per hashed piece: crypto.subtle takes whole buffers only, so long data is hashed piece by piece. */
const pieceBytes = 2 ** 24;

/**
 * Fingerprint of bytes of any length in bounded memory: SHA-256 over the SHA-256 of each 16 MiB piece. Not the SHA-256
 * of the whole; how the bytes are cut into chunks does not matter.
 * @param chunks bytes in order; each is used before the next is asked for
 * @returns 64 hexadecimal digits
 */
export async function fingerprint(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const digests: Uint8Array[] = [];
  let piece: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      // Grown on demand, so that short data does not cost a whole piece.
      piece = withRoom(piece, filled, Math.min(pieceBytes, filled + chunk.length - at));
      const count = Math.min(chunk.length - at, pieceBytes - filled);
      piece.set(chunk.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled === pieceBytes) {
        digests.push(await sha256(piece));
        filled = 0;
      }
    }
  }
  if (filled > 0 || digests.length === 0) digests.push(await sha256((piece ?? new Uint8Array(0)).subarray(0, filled)));
  const joined = new Uint8Array(digests.length * 32);
  for (const [i, digest] of digests.entries()) joined.set(digest, i * 32);
  return toHex(await sha256(joined));
}

/** SHA-256 of bytes that fit memory, 64 hexadecimal digits. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await sha256(bytes));
}

/** The whole of anything that reads by ranges, 16 MiB at a time, for `fingerprint`. */
export async function* chunksOf(source: {
  byteLength: number;
  read(start: number, end: number): Promise<Uint8Array>;
}): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < source.byteLength; start += pieceBytes) {
    yield await source.read(start, Math.min(start + pieceBytes, source.byteLength));
  }
}

function withRoom(piece: Uint8Array<ArrayBuffer> | undefined, filled: number, length: number): Uint8Array<ArrayBuffer> {
  if (piece !== undefined && piece.length >= length) return piece;
  const larger = new Uint8Array(Math.min(pieceBytes, Math.max(length, 2 * (piece?.length ?? 0))));
  if (piece !== undefined) larger.set(piece.subarray(0, filled));
  return larger;
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
