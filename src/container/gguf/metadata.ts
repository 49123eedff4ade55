import { FormatError } from '../../core/errors.ts';
import { checkName } from '../names.ts';
import type { SourceWindow } from '../source/window.ts';
import type { MetadataArray, MetadataValue, TypedMetadata } from '../types.ts';
import type { ValueType } from './format.ts';
import { leastBytes, leastKeyValueBytes, limits, valueTypes } from './format.ts';
import { readStrings } from './strings.ts';

/** Reads `count` key-values in file order. Throws FormatError on a duplicate, empty or overlong key, or a bad value. */
export async function readKeyValues(window: SourceWindow, count: number): Promise<Map<string, TypedMetadata>> {
  const metadata = new Map<string, TypedMetadata>();
  for (let i = 0; i < count; i++) {
    await window.ensure(leastKeyValueBytes);
    const key = await readText(window, limits.keyBytes, `key ${i}`);
    if (key === '') throw new FormatError(`${window.cursor.name}: key ${i} is empty`);
    if (metadata.has(key)) throw new FormatError(`${window.cursor.name}: key ${key} stands twice`);
    await window.ensure(4);
    const type = valueType(window, key);
    metadata.set(key, await readValue(window, type, key));
  }
  return metadata;
}

/** A key or a name: short text that must be valid UTF-8. */
export async function readText(window: SourceWindow, most: number, what: string): Promise<string> {
  await window.ensure(8);
  const length = window.cursor.size(`length of ${what}`);
  if (length > most)
    throw new FormatError(`${window.cursor.name}: ${what} is ${length} bytes long, at most ${most} are accepted`);
  await window.ensure(length);
  const text = window.cursor.utf8(length, what);
  checkName(window.cursor.name, what, text);
  return text;
}

async function readValue(window: SourceWindow, type: ValueType, key: string): Promise<TypedMetadata> {
  if (type === 'array') return readArray(window, key, 1);
  if (type === 'string') return { type, value: (await readStrings(window, 1, key))[0] };
  await window.ensure(leastBytes[type]);
  return { type, value: readScalars(window, type, 1)[0] };
}

async function readArray(
  window: SourceWindow,
  key: string,
  depth: number,
): Promise<{ type: string; value: MetadataArray }> {
  const { cursor } = window;
  if (depth > limits.arrayDepth)
    throw new FormatError(`${cursor.name}: ${key} nests arrays more than ${limits.arrayDepth} deep`);
  await window.ensure(12);
  const element = valueType(window, key);
  const count = cursor.size(`element count of ${key}`);
  if (count > limits.arrayCount) {
    throw new FormatError(`${cursor.name}: ${key} has ${count} elements, at most ${limits.arrayCount} are accepted`);
  }
  if (count * leastBytes[element] > window.remaining) {
    throw new FormatError(
      `${cursor.name}: ${key} has ${count} elements of ${element}, but only ${window.remaining} bytes remain`,
    );
  }
  if (element === 'string') return { type: 'array:string', value: await readStrings(window, count, key) };
  if (element === 'array') return readNested(window, key, depth, count);
  await window.ensure(count * leastBytes[element]);
  return { type: `array:${element}`, value: readScalars(window, element, count) as MetadataArray };
}

async function readNested(
  window: SourceWindow,
  key: string,
  depth: number,
  count: number,
): Promise<{ type: string; value: MetadataArray }> {
  const values: MetadataArray[] = [];
  let inner = 'array:uint8';
  for (let i = 0; i < count; i++) {
    const { type, value } = await readArray(window, key, depth + 1);
    if (i > 0 && type !== inner) {
      throw new FormatError(`${window.cursor.name}: ${key} mixes arrays of ${inner} and ${type}; expected one type`);
    }
    inner = type;
    values.push(value);
  }
  return { type: `array:${inner}`, value: values };
}

function valueType(window: SourceWindow, key: string): ValueType {
  const id = window.cursor.u32();
  const type = valueTypes[id];
  if (type === undefined) {
    throw new FormatError(`${window.cursor.name}: ${key} has value type ${id}; expected 0 to ${valueTypes.length - 1}`);
  }
  return type;
}

/** 64-bit integers become numbers where that is exact for all of them, bigint otherwise. */
function readScalars(
  window: SourceWindow,
  type: Exclude<ValueType, 'array' | 'string'>,
  count: number,
): MetadataValue[] {
  const { cursor } = window;
  const values: MetadataValue[] = new Array(count);
  switch (type) {
    case 'uint8':
      for (let i = 0; i < count; i++) values[i] = cursor.u8();
      break;
    case 'int8':
      for (let i = 0; i < count; i++) values[i] = cursor.i8();
      break;
    case 'uint16':
      for (let i = 0; i < count; i++) values[i] = cursor.u16();
      break;
    case 'int16':
      for (let i = 0; i < count; i++) values[i] = cursor.i16();
      break;
    case 'uint32':
      for (let i = 0; i < count; i++) values[i] = cursor.u32();
      break;
    case 'int32':
      for (let i = 0; i < count; i++) values[i] = cursor.i32();
      break;
    case 'float32':
      for (let i = 0; i < count; i++) values[i] = cursor.f32();
      break;
    case 'float64':
      for (let i = 0; i < count; i++) values[i] = cursor.f64();
      break;
    case 'bool':
      for (let i = 0; i < count; i++) values[i] = cursor.u8() !== 0;
      break;
    case 'uint64':
      for (let i = 0; i < count; i++) values[i] = cursor.u64();
      break;
    case 'int64':
      for (let i = 0; i < count; i++) values[i] = cursor.i64();
      break;
  }
  if (type !== 'uint64' && type !== 'int64') return values;
  const exact = values.every((value) => Number.isSafeInteger(Number(value)));
  return exact ? values.map(Number) : values;
}
