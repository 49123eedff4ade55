import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describeContents } from '../container/contents.ts';
import { indexFile, singleFile } from '../container/safetensors/folder.ts';
import { type GgufVariant, ggufVariants, type ModelPurpose, mostExact } from '../container/variants.ts';
import { FormatError, UsageError } from '../core/errors.ts';

/** Where a model lies. */
export type Located =
  | { readonly kind: 'gguf'; readonly path: string }
  /** A Hugging Face folder; `weights` when one .safetensors file of it was named that its index does not. */
  | { readonly kind: 'folder'; readonly path: string; readonly weights?: string };

/**
 * What a path of a user's means: a file, a Hugging Face folder, or a folder with one .gguf model, or with several of which
 * one is the most exact where an original is wanted.
 * @throws UsageError when nothing is there, or it must be said which of several is meant; FormatError when it is no model
 */
export async function locateModel(path: string, purpose: ModelPurpose): Promise<Located> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path}: no such file or folder`);
  if (found.isDirectory()) return locateIn(path, purpose);
  return path.endsWith('.safetensors') ? locateWeights(path) : { kind: 'gguf', path };
}

async function locateIn(path: string, purpose: ModelPurpose): Promise<Located> {
  const names = await readdir(path);
  const hasConfig = names.includes('config.json');
  if (hasConfig && (names.includes(indexFile) || names.includes(singleFile))) return { kind: 'folder', path };
  const variants = ggufVariants(names);
  if (variants.length > 0) return { kind: 'gguf', path: join(path, choose(path, variants, purpose).file) };
  const base = await adapterBase(path, names);
  const why = describeContents(names);
  if (base !== undefined) throw new FormatError(`${path}: ${why} (${base})`);
  if (names.includes(singleFile) || names.includes(indexFile))
    throw new FormatError(`${path}: config.json is missing, which a Hugging Face folder has; fetch it too`);
  throw new FormatError(`${path}: is no model that can be read; ${why}`);
}

function choose(path: string, variants: readonly GgufVariant[], purpose: ModelPurpose): GgufVariant {
  const best = variants.length === 1 || purpose === 'original' ? mostExact(variants) : undefined;
  if (best !== undefined) return best;
  const names = variants.map(({ file }) => file);
  const shown = names.slice(0, 6).join(', ') + (names.length > 6 ? ` and ${names.length - 6} more` : '');
  throw new UsageError(`${path}: holds ${names.length} models; give one of them: ${shown}`);
}

/** What a LoRA adapter was trained on. */
async function adapterBase(path: string, names: readonly string[]): Promise<string | undefined> {
  if (!names.includes('adapter_config.json')) return undefined;
  const text = await readFile(join(path, 'adapter_config.json'), 'utf8').catch(() => '');
  return /"base_model_name_or_path"\s*:\s*"([^"\n]{1,200})"/.exec(text)?.[1];
}

/** A .safetensors file stands for the folder whose config.json describes it. */
async function locateWeights(file: string): Promise<Located> {
  const path = dirname(file);
  const name = basename(file);
  const index = await readFile(join(path, indexFile), 'utf8').catch(() => '');
  // The index names its shards; it is checked when they are opened.
  return name === singleFile || index.includes(JSON.stringify(name))
    ? { kind: 'folder', path }
    : { kind: 'folder', path, weights: name };
}
