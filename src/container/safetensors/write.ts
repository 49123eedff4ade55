import { alignUp } from '../../core/bytes.ts';
import { BitbudgetError } from '../../core/errors.ts';
import type { Slot } from '../stream.ts';
import { SlotStream } from '../stream.ts';
import type { ByteSink } from '../types.ts';
import { dtypeBits } from './format.ts';
import { safetensorsBytes } from './read.ts';

/** A tensor as a safetensors header announces it. */
export interface SafetensorsPlan {
  readonly name: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  /** Dtype string: `BF16`. */
  readonly format: string;
}

/** Exact size of a safetensors file before its data exists. */
export function safetensorsSize(
  tensors: readonly SafetensorsPlan[],
  metadata: ReadonlyMap<string, string> = new Map(),
): { headerBytes: number; totalBytes: number } {
  const { header, slots } = layOut(tensors, metadata);
  return { headerBytes: header.length, totalBytes: slots.reduce((sum, slot) => sum + slot.byteLength, header.length) };
}

/**
 * Writes a safetensors file: the header first, then each tensor's bytes in the announced order, streamed. Announce
 * wide dtypes before narrow ones, then every tensor is aligned to its values.
 */
export class SafetensorsWriter {
  readonly #sink: ByteSink;
  readonly #stream: SlotStream;

  private constructor(sink: ByteSink, slots: readonly Slot[]) {
    this.#sink = sink;
    this.#stream = new SlotStream(sink, slots);
  }

  /** Writes the header. Throws BitbudgetError for a name given twice or a dtype that safetensors lacks. */
  static async create(
    sink: ByteSink,
    tensors: readonly SafetensorsPlan[],
    metadata: ReadonlyMap<string, string> = new Map(),
  ): Promise<SafetensorsWriter> {
    const { header, slots } = layOut(tensors, metadata);
    await sink.write(header);
    return new SafetensorsWriter(sink, slots);
  }

  /** The next bytes of tensor `name`, in any pieces. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#stream.write(name, bytes);
  }

  /** Checks that everything was written, then commits the sink. */
  async finish(): Promise<void> {
    await this.#stream.finish();
    await this.#sink.commit();
  }

  async abort(): Promise<void> {
    await this.#sink.abort();
  }
}

function layOut(tensors: readonly SafetensorsPlan[], metadata: ReadonlyMap<string, string>) {
  // Entries instead of an object: a tensor may be called __proto__.
  const entries: string[] = [];
  if (metadata.size > 0) entries.push(`"__metadata__":${textObject(metadata)}`);
  const slots: Slot[] = [];
  const seen = new Set(['__metadata__']);
  let offset = 0;
  for (const { name, shape, format } of tensors) {
    const subject = `tensor ${name}`;
    if (seen.has(name)) throw new BitbudgetError(`${subject}: is announced twice, or its name is reserved`);
    if (!Object.hasOwn(dtypeBits, format)) throw new BitbudgetError(`${subject}: safetensors has no dtype ${format}`);
    seen.add(name);
    const byteLength = safetensorsBytes(format, shape, subject);
    const info = { dtype: format, shape, data_offsets: [offset, offset + byteLength] };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    slots.push({ name, byteLength, paddedLength: byteLength });
    offset += byteLength;
  }
  return { header: frame(`{${entries.join(',')}}`), slots };
}

/** JSON behind its length, filled up with spaces so that data begins at a multiple of 8. */
function frame(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const header = new Uint8Array(8 + alignUp(text.length, 8)).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  return header;
}

function textObject(map: ReadonlyMap<string, string>): string {
  return `{${[...map].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}
