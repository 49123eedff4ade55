import { ByteCursor } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { refuseOthers } from '../identify.ts';
import { checkName, longestName, shown } from '../names.ts';
import { checkRange } from '../source/range.ts';
import type { ByteSource, MetadataValue, TensorEntry, TensorFile } from '../types.ts';
import { dtypeBits, limits } from './format.ts';

/** A safetensors file, or several that an index joins. */
export interface SafetensorsFile extends TensorFile {
  readonly container: 'safetensors';
}

/**
 * Reads the header of one safetensors file. Closing the result closes the source.
 * @throws FormatError when anything in the header is damaged, contradictory or beyond `limits`
 */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const header = await readHeader(source);
  const metadata = new Map<string, MetadataValue>();
  const infos: TensorInfo[] = [];
  for (const [name, value] of Object.entries(header.json)) {
    if (name === '__metadata__') readMetadata(source.name, value, metadata);
    else infos.push(tensorInfo(source.name, name, value));
  }
  checkPlacement(source, infos, header.dataStart);
  const tensors = new Map<string, TensorEntry>();
  for (const info of infos.sort(byPlace)) tensors.set(info.name, tensorEntry(source, info, header.dataStart));
  return { container: 'safetensors', metadata, tensors, close: () => source.close() };
}

interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

async function readHeader(source: ByteSource): Promise<{ json: Record<string, unknown>; dataStart: number }> {
  if (!(await looksRight(source))) await refuseOthers(source);
  if (source.byteLength < 10)
    throw new FormatError(`${source.name}: has ${source.byteLength} bytes, a safetensors file has at least 10`);
  const length = new ByteCursor(await source.read(0, 8), { name: source.name }).size('header length');
  if (length > limits.headerBytes || length > source.byteLength - 8) {
    throw new FormatError(
      `${source.name}: declares a header of ${length} bytes; ${source.byteLength - 8} remain, at most ${limits.headerBytes} are accepted`,
    );
  }
  const bytes = await source.read(8, 8 + length);
  if (bytes[0] !== 0x7b)
    throw new FormatError(`${source.name}: header begins with byte ${bytes[0]}; expected a JSON object`);
  const text = new ByteCursor(bytes, { name: source.name, base: 8 }).utf8(length, 'header');
  return { json: parseObject(source.name, text), dataStart: 8 + length };
}

/** Whether a JSON object begins behind a length that the file has room for: any other beginning may be another file's. */
async function looksRight(source: ByteSource): Promise<boolean> {
  if (source.byteLength < 10) return false;
  const head = await source.read(0, 9);
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return head[8] === 0x7b && length <= BigInt(source.byteLength - 8);
}

/** Text as a JSON object. Throws FormatError when it is anything else. */
export function parseObject(subject: string, text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${subject}: is not valid JSON (${shown((cause as Error).message)})`, { cause });
  }
  if (!isRecord(json)) throw new FormatError(`${subject}: holds JSON that is not an object`);
  return json;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMetadata(subject: string, value: unknown, metadata: Map<string, MetadataValue>): void {
  if (!isRecord(value)) throw new FormatError(`${subject}: __metadata__ is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new FormatError(`${subject}: __metadata__ has ${shown(key)} as ${typeof text}; expected a string`);
    metadata.set(key, text);
  }
}

function tensorInfo(file: string, name: string, value: unknown): TensorInfo {
  if (name.length > longestName)
    throw new FormatError(
      `${file}: a tensor name is ${name.length} characters long, at most ${longestName} are accepted`,
    );
  checkName(file, 'a tensor name', name);
  const subject = `${file}: tensor ${name}`;
  if (!isRecord(value)) throw new FormatError(`${subject} is described by ${typeof value}; expected an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBits, dtype)) {
    throw new FormatError(`${subject} has dtype ${shown(dtype)}; known are ${Object.keys(dtypeBits).join(' ')}`);
  }
  if (!isCounts(shape) || shape.length > limits.dimensions) {
    throw new FormatError(`${subject} has a bad shape; expected at most ${limits.dimensions} whole numbers ≥ 0`);
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw new FormatError(`${subject} has bad data_offsets; expected [begin, end] with begin ≤ end`);
  }
  const [begin, end] = offsets;
  const bytes = safetensorsBytes(dtype, shape, subject);
  if (end - begin !== bytes) {
    throw new FormatError(`${subject} takes ${end - begin} bytes; ${dtype} [${shape.join(', ')}] takes ${bytes}`);
  }
  return { name, dtype, shape, begin, end };
}

/** Bytes of a tensor. Throws FormatError beyond 2^53 values, or when they do not fill whole bytes. */
export function safetensorsBytes(dtype: string, shape: readonly number[], subject: string): number {
  let values = 1;
  for (const dimension of shape) values *= dimension;
  const bytes = (values * dtypeBits[dtype]) / 8;
  if (!(values * dtypeBits[dtype] <= Number.MAX_SAFE_INTEGER) || !Number.isInteger(bytes)) {
    throw new FormatError(
      `${subject} of ${dtype} [${shape.join(', ')}] does not fill a number of whole bytes below 2^50`,
    );
  }
  return bytes;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function byPlace(a: TensorInfo, b: TensorInfo): number {
  return a.begin - b.begin || a.end - b.end;
}

/** The format wants tensors to follow each other without gap or overlap up to the end of the file. */
function checkPlacement(source: ByteSource, infos: readonly TensorInfo[], dataStart: number): void {
  let at = 0;
  let before = '';
  for (const { name, begin, end } of [...infos].sort(byPlace)) {
    if (begin < at)
      throw new FormatError(`${source.name}: tensors ${before} and ${name} overlap at data offset ${begin}`);
    if (begin > at)
      throw new FormatError(`${source.name}: no tensor claims data bytes ${at} to ${begin}, before ${name}`);
    at = end;
    before = name;
  }
  if (dataStart + at !== source.byteLength) {
    throw new FormatError(
      `${source.name}: tensors end at byte ${dataStart + at}, the file at ${source.byteLength}; is the download complete?`,
    );
  }
}

function tensorEntry(source: ByteSource, info: TensorInfo, dataStart: number): TensorEntry {
  const byteLength = info.end - info.begin;
  return {
    name: info.name,
    format: info.dtype,
    shape: info.shape,
    byteLength,
    async read(start = 0, end = byteLength) {
      checkRange({ name: `${source.name}: tensor ${info.name}`, byteLength }, start, end);
      return source.read(dataStart + info.begin + start, dataStart + info.begin + end);
    },
  };
}
