/*
 * llama.cpp's importance matrix: Σx² of the inputs of every matrix.
 *
 *   GGUF    general.type = "imatrix", imatrix.datasets, imatrix.chunk_count, imatrix.chunk_size;
 *           per matrix NAME.in_sum2 [matrices, columns] and NAME.counts [matrices, 1], both F32
 *   legacy  count i32 | per matrix: name (i32 length, bytes), calls i32, values i32 n, f32[n] | chunks i32 | dataset
 *           Its values are mean · calls, so that sums ÷ counts is the mean square in both.
 *
 * Source: llama.cpp tools/imatrix/imatrix.cpp, common/imatrix-loader.cpp
 */
import { ByteCursor } from '../core/bytes.ts';
import { BitbudgetError, FormatError } from '../core/errors.ts';
import { limits } from './gguf/format.ts';
import type { GgufFile } from './gguf/read.ts';
import { readGguf } from './gguf/read.ts';
import type { GgufTensorPlan } from './gguf/write.ts';
import { GgufWriter } from './gguf/write.ts';
import { checkName, shown } from './names.ts';
import type { ByteSink, ByteSource, TensorEntry, TypedMetadata } from './types.ts';

export interface ImatrixEntry {
  /** Σx² per input column, of each matrix of the tensor. [matrices, columns] */
  readonly sums: Float32Array;
  /** Tokens seen by each matrix: one for a dense tensor, one per expert otherwise. [matrices] or [1] */
  readonly counts: Float32Array;
}

export interface Imatrix {
  /** Names of the texts it was computed on. */
  readonly datasets: readonly string[];
  readonly chunkCount: number;
  /** Tokens per chunk; 0 when unknown (legacy files). */
  readonly chunkSize: number;
  /** By tensor name: `blk.0.attn_q.weight`. */
  readonly entries: ReadonlyMap<string, ImatrixEntry>;
}

/** Mean square E[x²] per input, as quantizers use it; matrices that saw no token get ones. [matrices, columns] */
export function meanSquares({ sums, counts }: ImatrixEntry): Float32Array {
  const columns = sums.length / counts.length;
  return sums.map((sum, i) => {
    const count = counts[Math.floor(i / columns)];
    return count > 0 ? sum / count : 1;
  });
}

/** Reads either form, told by its first bytes. Does not close the source. Throws FormatError when it is damaged. */
export async function readImatrix(source: ByteSource): Promise<Imatrix> {
  const head = await source.read(0, Math.min(4, source.byteLength));
  if (String.fromCharCode(...head) === 'GGUF') return fromGguf(source.name, await readGguf(source));
  return readLegacy(source);
}

/** Writes the GGUF form and commits the sink. llama-quantize --imatrix takes it. */
export async function writeImatrix(imatrix: Imatrix, sink: ByteSink): Promise<void> {
  const metadata = new Map<string, TypedMetadata>([
    ['general.type', { type: 'string', value: 'imatrix' }],
    ['imatrix.datasets', { type: 'array:string', value: imatrix.datasets }],
    ['imatrix.chunk_count', { type: 'uint32', value: imatrix.chunkCount }],
    ['imatrix.chunk_size', { type: 'uint32', value: imatrix.chunkSize }],
  ]);
  const plans: GgufTensorPlan[] = [];
  const data: [name: string, values: Float32Array][] = [];
  for (const [name, { sums, counts }] of [...imatrix.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const columns = sums.length / counts.length;
    if (!Number.isInteger(columns)) {
      throw new BitbudgetError(
        `importance of ${name}: ${sums.length} sums do not divide among ${counts.length} counts`,
      );
    }
    plans.push({ name: `${name}.in_sum2`, shape: [counts.length, columns], format: 'F32' });
    plans.push({ name: `${name}.counts`, shape: [counts.length, 1], format: 'F32' });
    data.push([`${name}.in_sum2`, sums], [`${name}.counts`, counts]);
  }
  const writer = await GgufWriter.create(sink, metadata, plans);
  for (const [name, values] of data) await writer.write(name, bytesOf(values));
  await writer.finish();
}

async function fromGguf(subject: string, file: GgufFile): Promise<Imatrix> {
  const kind = file.metadata.get('general.type');
  if (kind !== 'imatrix') throw new FormatError(`${subject}: general.type is ${shown(kind)}; expected imatrix`);
  const datasets = file.metadata.get('imatrix.datasets') ?? [];
  if (file.typedMetadata.get('imatrix.datasets')?.type !== 'array:string' && file.metadata.has('imatrix.datasets')) {
    throw new FormatError(`${subject}: imatrix.datasets is not an array of strings`);
  }
  const entries = new Map<string, ImatrixEntry>();
  for (const [tensorName, tensor] of file.tensors) {
    if (!tensorName.endsWith('.in_sum2')) continue;
    const name = tensorName.slice(0, -'.in_sum2'.length);
    const counted = file.tensors.get(`${name}.counts`);
    if (counted === undefined) throw new FormatError(`${subject}: has ${tensorName} but not ${name}.counts`);
    const entry = { sums: await floats(subject, tensor), counts: await floats(subject, counted) };
    if (entry.counts.length === 0 || entry.sums.length % entry.counts.length !== 0) {
      throw new FormatError(`${subject}: ${name} has ${entry.sums.length} sums for ${entry.counts.length} counts`);
    }
    entries.set(name, entry);
  }
  if (entries.size === 0) throw new FormatError(`${subject}: holds no importance data (no tensor NAME.in_sum2)`);
  return {
    datasets: datasets as readonly string[],
    chunkCount: whole(subject, file, 'imatrix.chunk_count'),
    chunkSize: whole(subject, file, 'imatrix.chunk_size'),
    entries,
  };
}

function whole(subject: string, file: GgufFile, key: string): number {
  const value = file.metadata.get(key) ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new FormatError(`${subject}: ${key} is ${shown(value)}; expected a whole number`);
  return value;
}

async function floats(subject: string, tensor: TensorEntry): Promise<Float32Array> {
  if (tensor.format !== 'F32') throw new FormatError(`${subject}: ${tensor.name} is ${tensor.format}; expected F32`);
  // Copied: what a source returns need not be aligned.
  return new Float32Array((await tensor.read()).slice().buffer);
}

async function readLegacy(source: ByteSource): Promise<Imatrix> {
  if (source.byteLength > limits.headerBytes) {
    throw new FormatError(
      `${source.name}: is ${source.byteLength} bytes long; a legacy importance matrix has at most ${limits.headerBytes}`,
    );
  }
  const cursor = new ByteCursor(await source.read(0, source.byteLength), { name: source.name });
  const entries = new Map<string, ImatrixEntry>();
  const entryCount = cursor.i32();
  if (entryCount < 1 || entryCount * 12 > cursor.remaining) {
    throw new FormatError(
      `${source.name}: is no importance matrix: neither GGUF, nor can it hold ${entryCount} entries`,
    );
  }
  for (let i = 0; i < entryCount; i++) {
    const name = legacyText(cursor, `name of entry ${i}`);
    const calls = cursor.i32();
    const values = cursor.i32();
    if (values < 1 || values * 4 > cursor.remaining) {
      throw new FormatError(`${source.name}: ${name} declares ${values} values; ${cursor.remaining} bytes remain`);
    }
    if (entries.has(name)) throw new FormatError(`${source.name}: ${name} stands twice`);
    const sums = new Float32Array(cursor.view(values * 4).slice().buffer);
    entries.set(name, { sums, counts: Float32Array.of(calls) });
  }
  // The end of the file is missing in the oldest ones.
  const chunkCount = cursor.remaining >= 4 ? Math.max(0, cursor.i32()) : 0;
  const datasets = cursor.remaining >= 4 ? [legacyText(cursor, 'dataset')].filter((name) => name !== '') : [];
  return { datasets, chunkCount, chunkSize: 0, entries };
}

function legacyText(cursor: ByteCursor, what: string): string {
  const length = cursor.i32();
  if (length < 0 || length > limits.keyBytes)
    throw new FormatError(`${cursor.name}: ${what} is ${length} bytes long; expected 0 to ${limits.keyBytes}`);
  const text = cursor.utf8(length, what);
  checkName(cursor.name, what, text);
  return text;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
