import { ByteCursor } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import type { ByteSource } from '../types.ts';

/**
 * Reads a source from its start through a window that moves and grows: `ensure(n)` makes n bytes readable by `cursor`
 * without awaiting. Bytes already read are let go.
 */
export class SourceWindow {
  readonly cursor: ByteCursor;
  readonly #source: ByteSource;
  readonly #limit: number;
  #step: number;

  /**
   * @param limit no byte at or beyond it is read, default the source's end
   * @param step bytes of the first read; doubles up to 4 MiB
   */
  constructor(source: ByteSource, options: { limit?: number; step?: number } = {}) {
    this.#source = source;
    this.#limit = Math.min(options.limit ?? source.byteLength, source.byteLength);
    this.#step = options.step ?? 2 ** 18;
    this.cursor = new ByteCursor(new Uint8Array(0), { name: source.name });
  }

  /** Bytes between the cursor and the limit: no count in the file may exceed what they can hold. */
  get remaining(): number {
    return this.#limit - this.cursor.offset;
  }

  /** Makes `count` bytes readable. Throws FormatError when fewer remain. */
  async ensure(count: number): Promise<void> {
    const { cursor } = this;
    if (cursor.remaining >= count) return;
    if (count > this.remaining) {
      const why = this.#limit < this.#source.byteLength ? 'are accepted' : 'remain; the file is cut or damaged';
      throw new FormatError(
        `${cursor.name}: ${count} bytes wanted at offset ${cursor.offset}, ${this.remaining} ${why}`,
      );
    }
    const start = cursor.offset;
    const kept = cursor.bytes.subarray(cursor.position);
    const end = Math.min(Math.max(start + count, start + kept.length + this.#step), this.#limit);
    this.#step = Math.min(this.#step * 2, 2 ** 22);
    const fresh = await this.#source.read(start + kept.length, end);
    if (kept.length === 0) {
      cursor.replace(fresh, start);
      return;
    }
    const joined = new Uint8Array(kept.length + fresh.length);
    joined.set(kept);
    joined.set(fresh, kept.length);
    cursor.replace(joined, start);
  }
}
