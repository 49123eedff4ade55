import { FormatError } from './errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Reads numbers and text from bytes, in order, never beyond their end.
 * Every method throws FormatError instead of reading past `bytes`; offsets in messages count from `base`.
 */
export class ByteCursor {
  readonly name: string;
  littleEndian: boolean;
  position = 0;
  #bytes: Uint8Array;
  #view: DataView;
  #base: number;

  /**
   * @param name subject of messages: the file
   * @param base offset of bytes[0] in the file, for messages
   */
  constructor(bytes: Uint8Array, options: { name?: string; littleEndian?: boolean; base?: number } = {}) {
    this.name = options.name ?? 'bytes';
    this.littleEndian = options.littleEndian ?? true;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#base = options.base ?? 0;
  }

  /** The bytes being read. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.#base + this.position;
  }

  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  /** Goes on in other bytes, which begin at file offset `base`; the position becomes their start. */
  replace(bytes: Uint8Array, base: number): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#base = base;
    this.position = 0;
  }

  /** Moves over `count` bytes and returns the position before them. */
  take(count: number): number {
    const start = this.position;
    if (!(count >= 0 && count <= this.#bytes.length - start)) {
      throw new FormatError(
        `${this.name}: ${count} bytes wanted at offset ${this.offset}, ${this.remaining} remain; the file is cut or damaged`,
      );
    }
    this.position = start + count;
    return start;
  }

  u8(): number {
    return this.#bytes[this.take(1)];
  }
  i8(): number {
    return this.#view.getInt8(this.take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.take(2), this.littleEndian);
  }
  i16(): number {
    return this.#view.getInt16(this.take(2), this.littleEndian);
  }
  u32(): number {
    return this.#view.getUint32(this.take(4), this.littleEndian);
  }
  i32(): number {
    return this.#view.getInt32(this.take(4), this.littleEndian);
  }
  f32(): number {
    return this.#view.getFloat32(this.take(4), this.littleEndian);
  }
  f64(): number {
    return this.#view.getFloat64(this.take(8), this.littleEndian);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.take(8), this.littleEndian);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.take(8), this.littleEndian);
  }

  /** A 64-bit count or offset. Throws FormatError beyond 2^53 − 1. */
  size(what: string): number {
    const at = this.take(8);
    const low = this.#view.getUint32(this.littleEndian ? at : at + 4, this.littleEndian);
    const high = this.#view.getUint32(this.littleEndian ? at + 4 : at, this.littleEndian);
    if (high > 0x1fffff) {
      throw new FormatError(
        `${this.name}: ${what} at offset ${this.offset - 8} is ${this.#view.getBigUint64(at, this.littleEndian)}, beyond any file`,
      );
    }
    return high * 4294967296 + low;
  }

  /** `count` bytes as a view of the bytes being read. */
  view(count: number): Uint8Array {
    const start = this.take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** `count` bytes of UTF-8. Throws FormatError when they are not valid UTF-8. */
  utf8(count: number, what: string): string {
    const at = this.offset;
    const bytes = this.view(count);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw new FormatError(`${this.name}: ${what} at offset ${at} is not valid UTF-8`);
    }
  }
}

/** Writes numbers and text into a buffer that grows. */
export class ByteWriter {
  readonly littleEndian: boolean;
  length = 0;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(options: { littleEndian?: boolean; capacity?: number } = {}) {
    this.littleEndian = options.littleEndian ?? true;
    this.#bytes = new Uint8Array(options.capacity ?? 4096);
    this.#view = viewOf(this.#bytes);
  }

  /** What was written: a view, valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
  }
  i8(value: number): void {
    const at = this.#reserve(1);
    this.#view.setInt8(at, value);
  }
  u16(value: number): void {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, this.littleEndian);
  }
  i16(value: number): void {
    const at = this.#reserve(2);
    this.#view.setInt16(at, value, this.littleEndian);
  }
  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, this.littleEndian);
  }
  i32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setInt32(at, value, this.littleEndian);
  }
  f32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setFloat32(at, value, this.littleEndian);
  }
  f64(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, this.littleEndian);
  }
  u64(value: number | bigint): void {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value), this.littleEndian);
  }
  i64(value: number | bigint): void {
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, BigInt(value), this.littleEndian);
  }
  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }
  /** Text as UTF-8 behind its length in bytes as u64. */
  string64(text: string): void {
    const at = this.#reserve(8 + text.length * 3);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at + 8));
    this.#view.setBigUint64(at, BigInt(written), this.littleEndian);
    this.length = at + 8 + written;
  }
  zeros(count: number): void {
    const at = this.#reserve(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** Makes room and returns where it begins. May replace the buffer, so it comes before any use of it. */
  #reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    return at;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Smallest multiple of `alignment` that is ≥ `value`. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
