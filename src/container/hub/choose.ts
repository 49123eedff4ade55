import { BitbudgetError } from '../../core/errors.ts';
import { indexFile, singleFile } from '../safetensors/folder.ts';
import type { HubModelId } from './model-id.ts';

/** What to fetch of a repository. */
export type Choice =
  /** GGUF: one file, or all of its shards in order; the first is the one to open. */
  | { readonly kind: 'gguf'; readonly files: readonly string[] }
  /** A Hugging Face folder. `index` names the shards, which are not in `files` yet. */
  | { readonly kind: 'folder'; readonly files: readonly string[]; readonly index?: string };

/** The variant most repositories have and most people want; the same default as llama.cpp's. */
export const defaultQuant = 'Q4_K_M';

/** What a Hugging Face folder holds beside its weights, when it has it. */
const folderFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'chat_template.jinja',
];

const label = /(?:^|[-_.])((?:UD-)?(?:I?Q\d\w*|TQ\d_0|MXFP4\w*|NVFP4|BF16|F16|F32))$/i;
const shard = /-(\d{5})-of-(\d{5})$/;

/** Label of the variant in a GGUF file's name: `UD-Q4_K_XL`; undefined when it has none. */
export function quantLabel(path: string): string | undefined {
  const stem = path
    .replace(/^.*\//, '')
    .replace(/\.gguf$/i, '')
    .replace(shard, '');
  return label.exec(stem)?.[1].toUpperCase();
}

/**
 * Chooses what makes the model out of a repository's files.
 * @param paths all files of the repository
 * @throws BitbudgetError when the file or variant asked for is not there, or nothing is a model
 */
export function chooseFiles(id: HubModelId, paths: readonly string[]): Choice {
  if (id.file !== undefined) return chooseNamed(id.repo, id.file, paths);
  const models = paths.filter(isModelGguf).sort();
  if (models.length > 0) return { kind: 'gguf', files: withShards(id.repo, chooseVariant(id, models), paths) };
  if (id.quant !== undefined) throw new BitbudgetError(`${id.repo}: has no .gguf files, so no variant ${id.quant}`);
  return chooseFolder(id.repo, paths);
}

function chooseNamed(repo: string, file: string, paths: readonly string[]): Choice {
  if (!paths.includes(file)) throw new BitbudgetError(`${repo}: has no file ${file}`);
  if (!/\.gguf$/i.test(file))
    throw new BitbudgetError(`${repo}: ${file} is no .gguf file; for safetensors name the repository alone`);
  return { kind: 'gguf', files: withShards(repo, file, paths) };
}

/** Vision projectors, draft heads and importance matrices are GGUF files too. */
function isModelGguf(path: string): boolean {
  const name = path.replace(/^.*\//, '');
  return /\.gguf$/i.test(name) && !/^(?:mmproj|mtp)-|imatrix/i.test(name);
}

function chooseVariant(id: HubModelId, models: readonly string[]): string {
  const wanted = id.quant?.toUpperCase();
  const found = models.find((path) => quantLabel(path) === (wanted ?? defaultQuant));
  if (found !== undefined) return found;
  if (wanted === undefined) return models[0];
  const labels = [...new Set(models.map((path) => quantLabel(path) ?? path))];
  throw new BitbudgetError(`${id.repo}: has no variant ${id.quant}; it has ${labels.join(' ')}`);
}

function withShards(repo: string, file: string, paths: readonly string[]): string[] {
  const stem = file.replace(/\.gguf$/i, '');
  const match = shard.exec(stem);
  if (match === null) return [file];
  const base = stem.slice(0, match.index);
  const files = Array.from(
    { length: Number(match[2]) },
    (_, i) => `${base}-${String(i + 1).padStart(5, '0')}-of-${match[2]}.gguf`,
  );
  const missing = files.find((path) => !paths.includes(path));
  if (missing !== undefined) throw new BitbudgetError(`${repo}: ${file} is split, but ${missing} is missing`);
  return files;
}

function chooseFolder(repo: string, paths: readonly string[]): Choice {
  const files = folderFiles.filter((name) => paths.includes(name));
  if (!files.includes('config.json'))
    throw new BitbudgetError(`${repo}: is no model that can be read; it has neither .gguf files nor config.json`);
  if (paths.includes(indexFile)) return { kind: 'folder', files: [...files, indexFile], index: indexFile };
  if (paths.includes(singleFile)) return { kind: 'folder', files: [...files, singleFile] };
  throw new BitbudgetError(`${repo}: has no safetensors weights; expected ${singleFile} or ${indexFile}`);
}
