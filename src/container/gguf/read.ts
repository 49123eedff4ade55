import { alignUp } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { shown } from '../names.ts';
import { SourceWindow } from '../source/window.ts';
import type { ByteSource, MetadataValue, TensorEntry, TensorFile, TypedMetadata } from '../types.ts';
import { defaultAlignment, leastKeyValueBytes, leastTensorInfoBytes, limits } from './format.ts';
import { readKeyValues, readText } from './metadata.ts';
import { GgufTensor } from './tensor.ts';
import type { TensorInfo } from './types.ts';
import { ggmlBytes, ggmlTypeById } from './types.ts';

/** A GGUF file whose tensor data is read on demand. */
export interface GgufFile extends TensorFile {
  readonly container: 'gguf';
  /** 2 or 3. */
  readonly version: number;
  readonly littleEndian: boolean;
  /** `general.alignment`, bytes. */
  readonly alignment: number;
  /** Offset of the tensor data in the (first) file. */
  readonly dataStart: number;
  /** The key-values with their GGUF value types, as a writer takes them. */
  readonly typedMetadata: ReadonlyMap<string, TypedMetadata>;
}

/**
 * Reads the header of one GGUF file, version 2 or 3, of either endianness. Tensor data read later is always
 * little-endian, whatever the file is. Closing the result closes the source.
 * @throws FormatError when anything in the header is damaged, contradictory or beyond `limits`
 */
export async function readGguf(source: ByteSource): Promise<GgufFile> {
  const window = new SourceWindow(source, { limit: limits.headerBytes });
  const { version, littleEndian, tensorCount, keyCount } = await readPreamble(window);
  const typedMetadata = await readKeyValues(window, keyCount);
  const alignment = readAlignment(source.name, typedMetadata);
  const infos = await readTensorInfos(window, tensorCount);
  const dataStart = alignUp(window.cursor.offset, alignment);
  checkPlacement(source, infos, dataStart, alignment);

  const tensors = new Map<string, TensorEntry>();
  for (const info of infos) tensors.set(info.name, new GgufTensor(source, info, dataStart, littleEndian));
  const metadata = new Map<string, MetadataValue>();
  for (const [key, { value }] of typedMetadata) metadata.set(key, value);
  return {
    container: 'gguf',
    version,
    littleEndian,
    alignment,
    dataStart,
    typedMetadata,
    metadata,
    tensors,
    close: () => source.close(),
  };
}

async function readPreamble(window: SourceWindow) {
  const { cursor } = window;
  if (window.remaining < 24)
    throw new FormatError(`${cursor.name}: has ${window.remaining} bytes, a GGUF file has at least 24`);
  await window.ensure(24);
  const magic = cursor.u32();
  if (magic !== 0x46554747) {
    throw new FormatError(`${cursor.name}: begins with ${hex(magic)}, a GGUF file with ${hex(0x46554747)} ("GGUF")`);
  }
  let version = cursor.u32();
  if (version !== 0 && (version & 0xffff) === 0) {
    cursor.littleEndian = false;
    cursor.position -= 4;
    version = cursor.u32();
  }
  if (version !== 2 && version !== 3)
    throw new FormatError(`${cursor.name}: is GGUF version ${version}; versions 2 and 3 are supported`);
  const tensorCount = cursor.size('tensor count');
  const keyCount = cursor.size('key-value count');
  const least = tensorCount * leastTensorInfoBytes + keyCount * leastKeyValueBytes;
  if (least > window.remaining) {
    throw new FormatError(
      `${cursor.name}: declares ${tensorCount} tensors and ${keyCount} key-values, which take ${least} bytes or more; ${window.remaining} remain`,
    );
  }
  return { version, littleEndian: cursor.littleEndian, tensorCount, keyCount };
}

function readAlignment(name: string, metadata: ReadonlyMap<string, TypedMetadata>): number {
  const entry = metadata.get('general.alignment');
  if (entry === undefined) return defaultAlignment;
  const { type, value } = entry;
  if (type !== 'uint32' || typeof value !== 'number' || value === 0 || !Number.isInteger(Math.log2(value))) {
    throw new FormatError(`${name}: general.alignment is ${type} ${shown(value)}; expected a power of two as uint32`);
  }
  return value;
}

async function readTensorInfos(window: SourceWindow, count: number): Promise<TensorInfo[]> {
  const infos: TensorInfo[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const info = await readTensorInfo(window, i);
    if (seen.has(info.name)) throw new FormatError(`${window.cursor.name}: tensor ${info.name} stands twice`);
    seen.add(info.name);
    infos.push(info);
  }
  return infos;
}

async function readTensorInfo(window: SourceWindow, index: number): Promise<TensorInfo> {
  const { cursor } = window;
  const name = await readText(window, limits.nameBytes, `name of tensor ${index}`);
  const subject = `${cursor.name}: tensor ${name}`;
  await window.ensure(4);
  const dimensions = cursor.u32();
  if (dimensions > limits.dimensions)
    throw new FormatError(`${subject} has ${dimensions} dimensions, at most ${limits.dimensions} are accepted`);
  await window.ensure(dimensions * 8 + 12);
  const shape: number[] = [];
  for (let d = 0; d < dimensions; d++) shape.unshift(cursor.size(`dimension ${d} of ${name}`));
  if (shape.includes(0)) throw new FormatError(`${subject} has a dimension of 0`);
  const type = ggmlTypeById(cursor.u32(), subject);
  const offset = cursor.size(`offset of ${name}`);
  return { name, shape, type, offset, byteLength: ggmlBytes(type, shape, subject) };
}

/** Every tensor aligned, inside the file, and on bytes of its own. */
function checkPlacement(source: ByteSource, infos: readonly TensorInfo[], dataStart: number, alignment: number): void {
  for (const { name, offset, byteLength } of infos) {
    if (offset % alignment !== 0) {
      throw new FormatError(
        `${source.name}: tensor ${name} begins at ${offset}, not a multiple of the alignment ${alignment}`,
      );
    }
    if (dataStart + offset + byteLength > source.byteLength) {
      throw new FormatError(
        `${source.name}: tensor ${name} ends at byte ${dataStart + offset + byteLength}, the file at ${source.byteLength}; is the download complete?`,
      );
    }
  }
  const placed = infos.filter((info) => info.byteLength > 0).sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < placed.length; i++) {
    const [before, after] = [placed[i - 1], placed[i]];
    if (before.offset + before.byteLength > after.offset) {
      throw new FormatError(
        `${source.name}: tensors ${before.name} and ${after.name} overlap at data offset ${after.offset}`,
      );
    }
  }
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, '0')}`;
}
