import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openTensorFile } from '../container/node.ts';
import type { MetadataValue, TensorEntry, TensorFile } from '../container/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import { locateModel } from '../model/locate.node.ts';
import { openModel, openWeights } from '../model/open.node.ts';
import { type SiteKind, sitesOf } from '../model/sites.ts';
import type { Model, ModelConfig } from '../model/types.ts';

/** What `bitbudget inspect` tells about a file or folder, of any architecture. */
export interface Inspection {
  readonly path: string;
  readonly container: TensorFile['container'];
  readonly parameters: number;
  /** Of the file, or of all files with tensors. */
  readonly fileBytes: number;
  /** Of all tensors together, without metadata. */
  readonly tensorBytes: number;
  /** 8 × fileBytes ÷ parameters, as everywhere. */
  readonly bitsPerWeight: number;
  /** Hyper-parameters, when the architecture is supported; else `unsupported` says why not. */
  readonly config?: ModelConfig;
  readonly unsupported?: string;
  /** How many sites of each kind a plan can give a precision. */
  readonly sites?: Readonly<Record<SiteKind, number>>;
  /** What the file says that is rounded while it runs: options by site; absent where it says nothing. */
  readonly roundings?: Readonly<Record<string, string>>;
  readonly formats: readonly Share[];
  readonly tensors: readonly InspectedTensor[];
  /** GGUF key-values or safetensors `__metadata__`; long arrays are given by their length. */
  readonly metadata: ReadonlyMap<string, MetadataValue>;
}

export interface InspectedTensor {
  readonly name: string;
  readonly format: string;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly bytes: number;
  readonly bitsPerWeight: number;
}

/** Tensors that have something in common. */
export interface Share {
  readonly label: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly bitsPerWeight: number;
}

export async function inspect(path: string): Promise<Inspection> {
  const { file, fileBytes } = await openAny(path);
  try {
    const tensors = [...file.tensors.values()].map(describe);
    const whole = share('', tensors);
    return {
      path,
      container: file.container,
      parameters: whole.parameters,
      fileBytes,
      tensorBytes: whole.bytes,
      bitsPerWeight: bits(fileBytes, whole.parameters),
      ...(await readConfig(path, file)),
      formats: shares(tensors, (tensor) => tensor.format).sort((a, b) => b.bytes - a.bytes),
      tensors,
      metadata: new Map([...file.metadata].map(([key, value]) => [key, shortened(value)])),
    };
  } finally {
    await file.close();
  }
}

/** A folder's model, or any file as it is: a shard, an adapter, a projector. */
async function openAny(path: string): Promise<{ readonly file: TensorFile; readonly fileBytes: number }> {
  const located = (await stat(path)).isDirectory() ? await locateModel(path, 'run') : undefined;
  if (located?.kind === 'folder') return { file: await openWeights(path), fileBytes: await folderBytes(path) };
  const named = located?.path ?? path;
  return { file: await openTensorFile(named), fileBytes: await partsBytes(named) };
}

/** Bytes of all files of a folder that hold tensors. */
async function folderBytes(folder: string): Promise<number> {
  return await bytesOf(folder, (name) => name.endsWith('.safetensors'));
}

/** Bytes of a file, and of the others where it is one of several parts. */
async function partsBytes(path: string): Promise<number> {
  const part = /-\d{5}-of-\d{5}\.gguf$/;
  const whole = basename(path).replace(part, '');
  return await bytesOf(
    dirname(path),
    (name) => name === basename(path) || (part.test(name) && name.replace(part, '') === whole),
  );
}

async function bytesOf(folder: string, isMeant: (name: string) => boolean): Promise<number> {
  const sizes = (await readdir(folder)).filter(isMeant).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Tensors with the same label together, in order of first appearance. */
export function shares(tensors: readonly InspectedTensor[], label: (tensor: InspectedTensor) => string): Share[] {
  return [...Map.groupBy(tensors, label)].map(([name, members]) => share(name, members));
}

function share(label: string, tensors: readonly InspectedTensor[]): Share {
  const parameters = tensors.reduce((sum, tensor) => sum + tensor.parameters, 0);
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  return { label, tensors: tensors.length, parameters, bytes, bitsPerWeight: bits(bytes, parameters) };
}

function describe({ name, format, shape, byteLength }: TensorEntry): InspectedTensor {
  const parameters = shape.reduce((product, size) => product * size, 1);
  return { name, format, shape, parameters, bytes: byteLength, bitsPerWeight: bits(byteLength, parameters) };
}

function bits(bytes: number, parameters: number): number {
  return parameters > 0 ? (8 * bytes) / parameters : 0;
}

/** The configuration, or why the model cannot be used: a file of another kind can still be looked at. */
async function readConfig(
  path: string,
  file: TensorFile,
): Promise<Pick<Inspection, 'config' | 'unsupported' | 'sites' | 'roundings'>> {
  const isFile = !(await stat(path)).isDirectory();
  const folder = isFile ? dirname(path) : path;
  if (
    file.container === 'safetensors' &&
    (await readFile(join(folder, 'config.json')).catch(() => undefined)) === undefined
  )
    return { unsupported: 'no config.json beside it' };
  try {
    const model = await openModel(path);
    await model.close();
    const { config, roundings } = model;
    return { config, sites: countSites(model), ...(roundings && { roundings: Object.fromEntries(roundings) }) };
  } catch (error) {
    if (!(error instanceof BitbudgetError)) throw error;
    return { unsupported: error.message };
  }
}

function countSites(model: Model): Record<SiteKind, number> {
  const counts = { weight: 0, edge: 0, state: 0 };
  for (const { kind } of sitesOf(model)) counts[kind]++;
  return counts;
}

const LONGEST_VALUE = 8;

function shortened(value: MetadataValue): MetadataValue {
  return typeof value === 'object' && value.length > LONGEST_VALUE ? `[${value.length} values]` : value;
}
