import { checkRange } from '../source/range.ts';
import type { ByteSource, TensorEntry } from '../types.ts';
import type { GgmlType, TensorInfo } from './types.ts';
import { swapBlocks } from './types.ts';

/** A tensor inside a GGUF file. Bytes come out little-endian whatever the file is. */
export class GgufTensor implements TensorEntry {
  readonly name: string;
  readonly format: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #source: ByteSource;
  readonly #type: GgmlType;
  /** Offset of the data in the source. */
  readonly #start: number;
  readonly #swap: boolean;

  constructor(source: ByteSource, info: TensorInfo, dataStart: number, littleEndian: boolean) {
    this.name = info.name;
    this.format = info.type.name;
    this.shape = info.shape;
    this.byteLength = info.byteLength;
    this.#source = source;
    this.#type = info.type;
    this.#start = dataStart + info.offset;
    this.#swap = !littleEndian && info.type.words.length > 0;
  }

  async read(start = 0, end = this.byteLength): Promise<Uint8Array> {
    checkRange({ name: `${this.#source.name}: tensor ${this.name}`, byteLength: this.byteLength }, start, end);
    if (!this.#swap) return this.#source.read(this.#start + start, this.#start + end);
    // Words are turned round in whole blocks, then cut.
    const { blockBytes } = this.#type;
    const from = start - (start % blockBytes);
    const to = Math.ceil(end / blockBytes) * blockBytes;
    const bytes = (await this.#source.read(this.#start + from, this.#start + to)).slice();
    swapBlocks(this.#type, bytes);
    return bytes.subarray(start - from, end - from);
  }
}
