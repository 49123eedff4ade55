import { readFileSync } from 'node:fs';

/** Bytes of a file of `test/golden`. */
export function golden(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../golden/${path}`, import.meta.url)));
}

/** A file of `test/golden` as float32. */
export function goldenFloats(path: string): Float32Array<ArrayBuffer> {
  return new Float32Array(golden(path).buffer);
}
