import { FormatError } from '../core/errors.ts';

/** Typed arrays that a record can hold. */
export type StoredArray = Float32Array | Float64Array | Uint8Array;

const KINDS = { f32: Float32Array, f64: Float64Array, u8: Uint8Array } as const;
type Kind = keyof typeof KINDS;

/** JSON beside named arrays, as one record of bytes. */
export interface ArrayRecord<T> {
  readonly value: T;
  readonly arrays: Readonly<Record<string, StoredArray>>;
}

interface Header<T> {
  readonly value: T;
  readonly arrays: readonly (readonly [name: string, kind: Kind, length: number])[];
}

/** Arrays start at multiples of this. */
const ALIGNMENT = 8;

/**
 *     u32 bytes of the header | header, JSON in UTF-8, spaces up to a multiple of 8 | arrays, each up to a multiple of 8
 *
 * Little-endian, as every machine that runs this is.
 */
export function packArrays<T>({ value, arrays }: ArrayRecord<T>): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(arrays);
  const header: Header<T> = { value, arrays: entries.map(([name, array]) => [name, kindOf(array), array.length]) };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = aligned(4 + json.length);
  const length = entries.reduce((sum, [, { byteLength }]) => sum + aligned(byteLength), start);
  const bytes = new Uint8Array(length);
  bytes.fill(0x20, 4, start);
  new DataView(bytes.buffer).setUint32(0, start - 4, true);
  bytes.set(json, 4);
  let at = start;
  for (const [, array] of entries) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += aligned(array.byteLength);
  }
  return bytes;
}

/** Copies of the arrays. @throws FormatError when the bytes are no such record */
export function unpackArrays<T>(bytes: Uint8Array): ArrayRecord<T> {
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { value, arrays } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerBytes))) as Header<T>;
  let at = 4 + headerBytes;
  const read = arrays.map(([name, kind, length]) => {
    const array = new KINDS[kind](length);
    if (at + array.byteLength > bytes.length)
      throw new FormatError(`record: ${name} ends behind its ${bytes.length} bytes`);
    new Uint8Array(array.buffer).set(bytes.subarray(at, at + array.byteLength));
    at += aligned(array.byteLength);
    return [name, array] as const;
  });
  return { value, arrays: Object.fromEntries(read) };
}

function kindOf(array: StoredArray): Kind {
  return (Object.keys(KINDS) as Kind[]).find((kind) => array instanceof KINDS[kind])!;
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}
