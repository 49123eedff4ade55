import { alignUp, ByteWriter } from '../../core/bytes.ts';
import { BitbudgetError } from '../../core/errors.ts';
import type { Slot } from '../stream.ts';
import { SlotStream } from '../stream.ts';
import type { ByteSink, TypedMetadata } from '../types.ts';
import { defaultAlignment, limits } from './format.ts';
import type { GgmlType } from './types.ts';
import { ggmlBytes, ggmlTypeByName, swapBlocks } from './types.ts';
import { writeKeyValues } from './write-metadata.ts';

/** A tensor as a GGUF header announces it. */
export interface GgufTensorPlan {
  /** At most 63 bytes of UTF-8: llama.cpp takes no more. */
  readonly name: string;
  /** Outermost dimension first, 1 to 4 of them. */
  readonly shape: readonly number[];
  /** Name of a ggml type: `Q4_K`. */
  readonly format: string;
}

/** Where everything will stand in the file, to the byte. */
export interface GgufLayout {
  readonly alignment: number;
  /** Bytes before the tensor data, padding included. */
  readonly headerBytes: number;
  /** Bytes of the finished file. */
  readonly totalBytes: number;
  /** Bytes that a tensor takes, padding included. Throws BitbudgetError for a name that was not announced. */
  tensorBytes(name: string): number;
}

export interface GgufWriteOptions {
  /** Default 3. Version 2 is the same but always little-endian. */
  readonly version?: 2 | 3;
  /** Default true. */
  readonly littleEndian?: boolean;
}

/** Bytes of a tensor in a GGUF file, padding included. Throws FormatError when its rows are no whole blocks. */
export function ggufTensorBytes(
  format: string,
  shape: readonly number[],
  alignment: number = defaultAlignment,
): number {
  return alignUp(ggmlBytes(ggmlTypeByName(format, 'tensor'), shape, 'tensor'), alignment);
}

/** Exact size of a file before its data exists. Metadata holds `general.alignment` when it is not 32. */
export function ggufSize(metadata: ReadonlyMap<string, TypedMetadata>, tensors: readonly GgufTensorPlan[]): GgufLayout {
  const { header, slots, alignment } = layOut(metadata, tensors, {});
  const sizes = new Map(slots.map((slot) => [slot.name, slot.paddedLength]));
  return {
    alignment,
    headerBytes: header.length,
    totalBytes: slots.reduce((sum, slot) => sum + slot.paddedLength, header.length),
    tensorBytes(name) {
      const size = sizes.get(name);
      if (size === undefined) throw new BitbudgetError(`tensor ${name}: is not among the ${sizes.size} announced`);
      return size;
    },
  };
}

/**
 * Writes a GGUF file: the header first, then each tensor's bytes in the announced order, streamed.
 *
 *     const writer = await GgufWriter.create(sink, metadata, tensors);
 *     for (const { name } of tensors) await writer.write(name, bytes);
 *     await writer.finish();          // or abort()
 */
export class GgufWriter {
  readonly #sink: ByteSink;
  readonly #stream: SlotStream;
  /** Types of tensors whose words must be turned round, when the file is big-endian. */
  readonly #swapped: ReadonlyMap<string, GgmlType>;

  private constructor(sink: ByteSink, slots: readonly Slot[], swapped: ReadonlyMap<string, GgmlType>) {
    this.#sink = sink;
    this.#stream = new SlotStream(sink, slots);
    this.#swapped = swapped;
  }

  /** Writes the header. Throws BitbudgetError when the metadata or a tensor cannot be expressed in GGUF. */
  static async create(
    sink: ByteSink,
    metadata: ReadonlyMap<string, TypedMetadata>,
    tensors: readonly GgufTensorPlan[],
    options: GgufWriteOptions = {},
  ): Promise<GgufWriter> {
    const { header, slots } = layOut(metadata, tensors, options);
    const swapped = new Map<string, GgmlType>();
    if (options.littleEndian === false) {
      for (const { name, format } of tensors) swapped.set(name, ggmlTypeByName(format, name));
    }
    await sink.write(header);
    return new GgufWriter(sink, slots, swapped);
  }

  /** The next bytes of tensor `name`, little-endian; in any pieces, of whole blocks when the file is big-endian. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    const type = this.#swapped.get(name);
    if (type !== undefined) {
      bytes = bytes.slice();
      swapBlocks(type, bytes);
    }
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

function layOut(
  metadata: ReadonlyMap<string, TypedMetadata>,
  tensors: readonly GgufTensorPlan[],
  options: GgufWriteOptions,
) {
  const { version = 3, littleEndian = true } = options;
  if (version === 2 && !littleEndian)
    throw new BitbudgetError('GGUF version 2 has no big-endian form; write version 3');
  const alignment = alignmentOf(metadata);
  const out = new ByteWriter({ littleEndian, capacity: 2 ** 16 });
  for (const letter of 'GGUF') out.u8(letter.charCodeAt(0));
  out.u32(version);
  out.u64(tensors.length);
  out.u64(metadata.size);
  writeKeyValues(out, metadata);
  const slots = writeTensorInfos(out, tensors, alignment);
  out.zeros(alignUp(out.length, alignment) - out.length);
  return { header: out.finish(), slots, alignment };
}

function writeTensorInfos(out: ByteWriter, tensors: readonly GgufTensorPlan[], alignment: number): Slot[] {
  const slots: Slot[] = [];
  const seen = new Set<string>();
  let offset = 0;
  for (const { name, shape, format } of tensors) {
    const subject = `tensor ${name}`;
    checkPlan(subject, name, shape, seen);
    seen.add(name);
    const type = ggmlTypeByName(format, subject);
    const byteLength = ggmlBytes(type, shape, subject);
    const paddedLength = alignUp(byteLength, alignment);
    out.string64(name);
    out.u32(shape.length);
    for (const dimension of [...shape].reverse()) out.u64(dimension);
    out.u32(type.id);
    out.u64(offset);
    slots.push({ name, byteLength, paddedLength });
    offset += paddedLength;
  }
  return slots;
}

// llama.cpp, ggml.h: GGML_MAX_NAME, its terminating zero included.
const llamaNameBytes = 64;

function checkPlan(subject: string, name: string, shape: readonly number[], seen: ReadonlySet<string>): void {
  if (seen.has(name)) throw new BitbudgetError(`${subject}: is announced twice`);
  if (name === '' || new TextEncoder().encode(name).length >= llamaNameBytes) {
    throw new BitbudgetError(`${subject}: llama.cpp takes names of 1 to ${llamaNameBytes - 1} bytes`);
  }
  if (shape.length < 1 || shape.length > limits.dimensions || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new BitbudgetError(
      `${subject}: shape [${shape.join(', ')}] does not fit GGUF; expected 1 to ${limits.dimensions} whole numbers > 0`,
    );
  }
}

function alignmentOf(metadata: ReadonlyMap<string, TypedMetadata>): number {
  const entry = metadata.get('general.alignment');
  if (entry === undefined) return defaultAlignment;
  const { type, value } = entry;
  if (type !== 'uint32' || typeof value !== 'number' || value < 8 || !Number.isInteger(Math.log2(value))) {
    throw new BitbudgetError(`general.alignment is ${type} ${value}; expected a power of two from 8 as uint32`);
  }
  return value;
}
