import { BitbudgetError, UsageError } from '../../core/errors.ts';
import { describeContents } from '../contents.ts';
import { indexFile, singleFile } from '../safetensors/folder.ts';
import { type GgufVariant, ggufVariants, type ModelPurpose, mostExact, quantLabel, shardsOf } from '../variants.ts';
import type { HubModelId } from './model-id.ts';

/** What to fetch of a repository. */
export type Choice =
  /** GGUF: one file, or all of its shards in order; the first is the one to open. */
  | { readonly kind: 'gguf'; readonly files: readonly string[] }
  /** A Hugging Face folder. `index` names the shards, which are not in `files` yet. */
  | { readonly kind: 'folder'; readonly files: readonly string[]; readonly index?: string };

/** The variant most repositories have and most people want to run; the same default as llama.cpp's. */
export const defaultQuant = 'Q4_K_M';

/** What a Hugging Face folder holds beside its weights, when it has it. */
const folderFiles = [
  'config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'generation_config.json',
  'chat_template.jinja',
  'chat_template.json',
];

/** Files that hold a vocabulary: the first set that is whole is fetched. */
const vocabularies = [['tokenizer.json'], ['tokenizer.model'], ['vocab.json', 'merges.txt'], ['vocab.txt']];

/**
 * Chooses what makes the model out of a repository's files. What runs is a small variant where there is one; what stands
 * for the original is the most exact source: safetensors, else the GGUF file of most bits.
 * @param paths all files of the repository
 * @throws BitbudgetError when the file or variant asked for is not there, or nothing is a model; UsageError when names do
 *   not tell which is the most exact
 */
export function chooseFiles(id: HubModelId, paths: readonly string[], purpose: ModelPurpose = 'run'): Choice {
  if (id.file !== undefined) return chooseNamed(id.repo, id.file, paths);
  const variants = ggufVariants(paths);
  if (id.quant !== undefined) return ggufOf(id.repo, chooseQuant(id.repo, id.quant, variants), paths);
  if (variants.length === 0 || (purpose === 'original' && hasWeights(paths))) return chooseFolder(id.repo, paths);
  if (purpose === 'original') return ggufOf(id.repo, chooseExact(id.repo, variants), paths);
  return ggufOf(id.repo, variants.find(({ label }) => label === defaultQuant) ?? variants[0], paths);
}

function chooseNamed(repo: string, file: string, paths: readonly string[]): Choice {
  if (!paths.includes(file)) throw new BitbudgetError(`${repo}: has no file ${file}`);
  if (!/\.gguf$/i.test(file))
    throw new BitbudgetError(`${repo}: ${file} is no .gguf file; for safetensors name the repository alone`);
  return { kind: 'gguf', files: withShards(repo, file, paths) };
}

function chooseQuant(repo: string, quant: string, variants: readonly GgufVariant[]): GgufVariant {
  if (variants.length === 0) throw new BitbudgetError(`${repo}: has no .gguf files, so no variant ${quant}`);
  const found = variants.find(({ label }) => label === quant.toUpperCase());
  if (found !== undefined) return found;
  throw new BitbudgetError(`${repo}: has no variant ${quant}; it has ${labels(variants).join(' ')}`);
}

function chooseExact(repo: string, variants: readonly GgufVariant[]): GgufVariant {
  const found = mostExact(variants);
  if (found !== undefined) return found;
  const named = variants.map(({ file }) => file).slice(0, 6);
  throw new UsageError(
    `${repo}: holds ${variants.length} models, and their names do not tell which is the original; name one, such as hf:${repo}/${named[0]} (${named.join(' ')})`,
  );
}

function labels(variants: readonly GgufVariant[]): string[] {
  return [...new Set(variants.map(({ file }) => quantLabel(file) ?? file))];
}

function ggufOf(repo: string, { file }: GgufVariant, paths: readonly string[]): Choice {
  return { kind: 'gguf', files: withShards(repo, file, paths) };
}

function withShards(repo: string, file: string, paths: readonly string[]): string[] {
  const shards = shardsOf(file);
  if (shards === undefined) return [file];
  const total = String(shards.count).padStart(5, '0');
  const files = Array.from(
    { length: shards.count },
    (_, i) => `${shards.base}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`,
  );
  const missing = files.find((path) => !paths.includes(path));
  if (missing !== undefined) throw new BitbudgetError(`${repo}: ${file} is split, but ${missing} is missing`);
  return files;
}

/** Whether a Hugging Face folder with weights that can be read is there. */
function hasWeights(paths: readonly string[]): boolean {
  return paths.includes('config.json') && (paths.includes(indexFile) || paths.includes(singleFile));
}

function chooseFolder(repo: string, paths: readonly string[]): Choice {
  const files = folderFiles.filter((name) => paths.includes(name));
  if (!files.includes('config.json'))
    throw new BitbudgetError(`${repo}: is no model that can be read; ${describeContents(paths)}`);
  const hasAll = (set: readonly string[]): boolean => set.every((name) => paths.includes(name));
  const vocabulary = vocabularies.find(hasAll);
  if (hasWeights(paths)) {
    if (vocabulary === undefined)
      throw new BitbudgetError(
        `${repo}: has weights but no tokenizer; expected ${vocabularies.map((set) => set.join(' with ')).join(', ')}: take the repository it was made from`,
      );
    const all = [...files, ...vocabulary];
    if (paths.includes(indexFile)) return { kind: 'folder', files: [...all, indexFile], index: indexFile };
    return { kind: 'folder', files: [...all, singleFile] };
  }
  throw new BitbudgetError(`${repo}: has no safetensors weights; ${describeContents(paths)}`);
}
