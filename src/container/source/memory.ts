import type { ByteSink, ByteSource } from '../types.ts';
import { checkRange } from './range.ts';

/** Bytes in memory as a source. Reads are views, not copies. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  const source: ByteSource = {
    name,
    byteLength: bytes.length,
    async read(start, end) {
      checkRange(source, start, end);
      return bytes.subarray(start, end);
    },
    async close() {},
  };
  return source;
}

/** Output kept in memory: `bytes()` after commit. */
export class MemorySink implements ByteSink {
  #chunks: Uint8Array[] = [];
  #whole: Uint8Array | undefined;

  async write(bytes: Uint8Array): Promise<void> {
    this.#chunks.push(bytes.slice());
  }

  async commit(): Promise<void> {
    const whole = new Uint8Array(this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#whole = whole;
    this.#chunks = [];
  }

  async abort(): Promise<void> {
    this.#chunks = [];
  }

  /** Everything written. Throws Error before commit. */
  bytes(): Uint8Array {
    if (this.#whole === undefined) throw new Error('MemorySink: bytes() before commit()');
    return this.#whole;
  }
}
