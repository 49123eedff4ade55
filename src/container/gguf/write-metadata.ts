import type { ByteWriter } from '../../core/bytes.ts';
import { BitbudgetError } from '../../core/errors.ts';
import type { MetadataValue, TypedMetadata } from '../types.ts';
import type { ScalarType } from './format.ts';
import { limits, valueTypes } from './format.ts';

/** Writes key-values in the map's order. Throws BitbudgetError when a value is not of its declared type. */
export function writeKeyValues(out: ByteWriter, metadata: ReadonlyMap<string, TypedMetadata>): void {
  for (const [key, { type, value }] of metadata) {
    const start = out.length;
    out.string64(key);
    if (key === '' || out.length - start - 8 > limits.keyBytes) {
      throw new BitbudgetError(
        `metadata key ${key.slice(0, 40)}: has ${out.length - start - 8} bytes; expected 1 to ${limits.keyBytes}`,
      );
    }
    out.u32(typeId(key, type.startsWith('array:') ? 'array' : type));
    if (type.startsWith('array:')) writeArray(out, key, type.slice('array:'.length), value);
    else writeScalar(out, key, type as ScalarType, value);
  }
}

function writeArray(out: ByteWriter, key: string, element: string, value: MetadataValue): void {
  // Typed arrays are taken too: callers have them at hand.
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) {
    throw new BitbudgetError(`metadata ${key}: is ${describe(value)}; expected an array of ${element}`);
  }
  const values = value as readonly MetadataValue[];
  const nested = element.startsWith('array:');
  out.u32(typeId(key, nested ? 'array' : element));
  out.u64(values.length);
  for (let i = 0; i < values.length; i++) {
    if (nested) writeArray(out, key, element.slice('array:'.length), values[i]);
    else writeScalar(out, key, element as ScalarType, values[i]);
  }
}

function typeId(key: string, type: string): number {
  const id = (valueTypes as readonly string[]).indexOf(type);
  if (id < 0)
    throw new BitbudgetError(`metadata ${key}: GGUF has no value type ${type}; it has ${valueTypes.join(' ')}`);
  return id;
}

function writeScalar(out: ByteWriter, key: string, type: ScalarType, value: MetadataValue): void {
  if (type === 'string') {
    if (typeof value !== 'string')
      throw new BitbudgetError(`metadata ${key}: is ${describe(value)}; expected a string`);
    out.string64(value);
  } else if (type === 'bool') {
    if (typeof value !== 'boolean')
      throw new BitbudgetError(`metadata ${key}: is ${describe(value)}; expected a boolean`);
    out.u8(value ? 1 : 0);
  } else if (type === 'uint64' || type === 'int64') {
    writeInteger64(out, key, type, value);
  } else {
    writeNumber(out, key, type, value);
  }
}

function writeInteger64(out: ByteWriter, key: string, type: 'uint64' | 'int64', value: MetadataValue): void {
  if (typeof value !== 'bigint' && !Number.isInteger(value))
    throw new BitbudgetError(`metadata ${key}: is ${describe(value)}; expected ${type}`);
  const integer = BigInt(value as number | bigint);
  const fits = type === 'uint64' ? BigInt.asUintN(64, integer) === integer : BigInt.asIntN(64, integer) === integer;
  if (!fits) throw new BitbudgetError(`metadata ${key}: ${integer} does not fit ${type}`);
  if (type === 'uint64') out.u64(integer);
  else out.i64(integer);
}

const integerRange: Readonly<Record<string, readonly [least: number, most: number]>> = {
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  uint16: [0, 0xffff],
  int16: [-0x8000, 0x7fff],
  uint32: [0, 0xffffffff],
  int32: [-0x80000000, 0x7fffffff],
};

function writeNumber(
  out: ByteWriter,
  key: string,
  type: Exclude<ScalarType, 'string' | 'bool' | 'uint64' | 'int64'>,
  value: MetadataValue,
): void {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number') throw new BitbudgetError(`metadata ${key}: is ${describe(value)}; expected ${type}`);
  if (type === 'float32' || type === 'float64') {
    if (type === 'float32') out.f32(number);
    else out.f64(number);
    return;
  }
  const [least, most] = integerRange[type];
  if (!(Number.isInteger(number) && number >= least && number <= most)) {
    throw new BitbudgetError(`metadata ${key}: ${number} does not fit ${type} (${least} to ${most})`);
  }
  const write = { uint8: 'u8', int8: 'i8', uint16: 'u16', int16: 'i16', uint32: 'u32', int32: 'i32' } as const;
  out[write[type]](number);
}

function describe(value: MetadataValue): string {
  return typeof value === 'object' ? 'an array' : `${typeof value} ${String(value).slice(0, 40)}`;
}
