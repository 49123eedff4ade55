import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { MetadataValue } from '../../src/container/types.ts';
import type { TypedMetadata } from '../../src/text/types.ts';

/*
 * GGUF headers without tensors, for vocabulary tests: independent of the container room on purpose, so that its
 * mistakes cannot cancel here. Trusts its input.
 */

const typeNames = 'uint8 int8 uint16 int16 uint32 int32 float32 bool string array uint64 int64 float64'.split(' ');
const sizes: Record<string, number> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
};

/** Key-values of a (gzipped) GGUF file with the types they are written as. */
export function readVocabularyFile(path: string): Map<string, TypedMetadata> {
  const raw = readFileSync(path);
  const bytes = path.endsWith('.gz') ? gunzipSync(raw) : raw;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 16;
  const take = (length: number): number => {
    offset += length;
    return offset - length;
  };
  const uint32 = (): number => view.getUint32(take(4), true);
  const uint64 = (): number => Number(view.getBigUint64(take(8), true));
  const string = (): string => {
    const length = uint64();
    return bytes.toString('utf8', take(length), offset);
  };
  const value = (type: string): MetadataValue => {
    if (type === 'string') return string();
    const size = sizes[type] ?? 8;
    const at = take(size);
    if (type === 'float32') return view.getFloat32(at, true);
    if (type === 'float64') return view.getFloat64(at, true);
    if (type === 'bool') return view.getUint8(at) !== 0;
    if (type === 'int32') return view.getInt32(at, true);
    if (size === 8) return view.getBigUint64(at, true);
    return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  };
  const out = new Map<string, TypedMetadata>();
  const count = uint64();
  for (let i = 0; i < count; i++) {
    const key = string();
    const type = typeNames[uint32()];
    if (type !== 'array') {
      out.set(key, { type, value: value(type) });
      continue;
    }
    const element = typeNames[uint32()];
    const list = Array.from({ length: uint64() }, () => value(element));
    out.set(key, { type: `array:${element}`, value: list as MetadataValue });
  }
  return out;
}

/** Values only, as a GGUF reader hands them to the tokenizer. */
export function untyped(metadata: ReadonlyMap<string, TypedMetadata>): Map<string, MetadataValue> {
  return new Map(Array.from(metadata, ([key, { value }]) => [key, value]));
}

/** A vocabulary-only GGUF file: these key-values, no tensors. */
export function vocabularyFile(metadata: ReadonlyMap<string, TypedMetadata>): Uint8Array {
  const parts: Buffer[] = [];
  const scalar = (size: number, put: (view: DataView) => void): void => {
    const bytes = Buffer.alloc(size);
    put(new DataView(bytes.buffer, bytes.byteOffset, size));
    parts.push(bytes);
  };
  const uint32 = (n: number): void => scalar(4, (view) => view.setUint32(0, n, true));
  const uint64 = (n: number | bigint): void => scalar(8, (view) => view.setBigUint64(0, BigInt(n), true));
  const string = (text: string): void => {
    const bytes = Buffer.from(text, 'utf8');
    uint64(bytes.length);
    parts.push(bytes);
  };
  const write = (type: string, value: unknown): void => {
    if (type === 'string') string(value as string);
    else if (type === 'bool') scalar(1, (view) => view.setUint8(0, value ? 1 : 0));
    else if (type === 'uint8') scalar(1, (view) => view.setUint8(0, value as number));
    else if (type === 'uint32') uint32(value as number);
    else if (type === 'int32') scalar(4, (view) => view.setInt32(0, value as number, true));
    else if (type === 'float32') scalar(4, (view) => view.setFloat32(0, value as number, true));
    else if (type === 'uint64') uint64(value as bigint);
    else throw new Error(`vocabulary file: cannot write ${type}`);
  };
  parts.push(Buffer.from('GGUF'));
  uint32(3);
  uint64(0);
  uint64(metadata.size);
  for (const [key, { type, value }] of metadata) {
    string(key);
    const element = type.startsWith('array:') ? type.slice('array:'.length) : undefined;
    uint32(typeNames.indexOf(element === undefined ? type : 'array'));
    if (element === undefined) {
      write(type, value);
      continue;
    }
    const list = Array.from(value as ArrayLike<unknown>);
    uint32(typeNames.indexOf(element));
    uint64(list.length);
    for (const item of list) write(element, item);
  }
  return Buffer.concat(parts);
}
