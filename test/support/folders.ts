import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorLine, exitCodeOf } from '../../src/cli/support/failure.ts';
import { GgufWriter } from '../../src/container/gguf/write.ts';
import { fileSink } from '../../src/container/node.ts';
import type { TypedMetadata } from '../../src/container/types.ts';
import { openModel } from '../../src/model/open.node.ts';
import { writeModelGguf } from '../../src/model/write-gguf.ts';
import { syntheticConfig, syntheticFile, syntheticModel, tinyPath } from './synthetic.ts';

/** A tensor of a checkpoint as it is written: the bytes are of its dtype. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface FolderOptions {
  readonly architecture?: string;
  /** Of config.json. */
  readonly overrides?: Record<string, unknown>;
  /** Changes what is written; values are F32. */
  readonly edit?: (tensors: Map<string, StoredTensor>) => void;
  /** Further files, or others in place of the usual ones; null leaves one out. */
  readonly files?: Record<string, string | Uint8Array | null>;
}

/** Writes a Hugging Face folder of a small random model with the embedded model's tokens. @returns its path */
export async function writeFolder(path: string, options: FolderOptions = {}): Promise<string> {
  const config = syntheticConfig(options.architecture ?? 'LlamaForCausalLM', options.overrides);
  const tensors = new Map<string, StoredTensor>();
  const hasOwn = options.files?.['model.safetensors'] !== undefined;
  for (const [name, entry] of hasOwn ? [] : syntheticFile(config).tensors)
    tensors.set(name, { dtype: 'F32', shape: entry.shape, bytes: await entry.read() });
  options.edit?.(tensors);
  mkdirSync(path, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(tinyPath, name), join(path, name));
  const files = {
    'config.json': JSON.stringify(config),
    'model.safetensors': safetensors(tensors),
    ...options.files,
  };
  for (const [name, content] of Object.entries(files)) if (content !== null) writeFileSync(join(path, name), content);
  return path;
}

/** A .safetensors file. */
export function safetensors(tensors: ReadonlyMap<string, StoredTensor>): Uint8Array {
  let at = 0;
  const header = Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, bytes }]) => {
      at += bytes.length;
      return [name, { dtype, shape, data_offsets: [at - bytes.length, at] }];
    }),
  );
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  let offset = 8 + text.length;
  for (const { bytes } of tensors.values()) {
    out.set(bytes, offset);
    offset += bytes.length;
  }
  return out;
}

/** Sets one value of an F32 tensor. */
export function setValue(tensors: Map<string, StoredTensor>, name: string, place: number, value: number): void {
  const tensor = tensors.get(name)!;
  const values = new Float32Array(tensor.bytes.slice().buffer);
  values[place] = value;
  tensors.set(name, { ...tensor, bytes: new Uint8Array(values.buffer) });
}

/** Writes a small random llama as GGUF, all matrices in one format. */
export async function writeGgufModel(path: string, format: string): Promise<string> {
  const model = await syntheticModel('LlamaForCausalLM');
  await writeModelGguf(model, await fileSink(path), { formatOf: () => format });
  return path;
}

/** Writes a GGUF file of some other kind: these texts, and one vector or none. */
export async function writeGgufOther(path: string, keys: Record<string, string>, tensor?: string): Promise<string> {
  const metadata = new Map<string, TypedMetadata>(
    Object.entries(keys).map(([key, value]) => [key, { type: 'string', value }]),
  );
  const plans = tensor === undefined ? [] : [{ name: tensor, shape: [4], format: 'F32' }];
  const writer = await GgufWriter.create(await fileSink(path), metadata, plans);
  if (tensor !== undefined) await writer.write(tensor, new Uint8Array(16));
  await writer.finish();
  return path;
}

/** Everything in a folder, so that two pictures are equal only when nothing was touched. */
export function pictureOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => {
      const { mtimeMs, size } = statSync(path);
      const isFile = statSync(path).isFile();
      return `${path} ${size} ${mtimeMs} ${isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''}`;
    });
}

/** How the command line would tell that a path cannot be opened: exit code and line. */
export async function toldOfOpening(
  path: string,
  purpose?: 'run' | 'original',
): Promise<{ code: number; line: string }> {
  try {
    const model = await openModel(path, purpose);
    await model.close();
  } catch (error) {
    return { code: exitCodeOf(error), line: errorLine(error) };
  }
  return { code: 0, line: '' };
}
