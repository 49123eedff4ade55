import { FormatError } from '../core/errors.ts';
import { type HfTokenizerFiles, tokenizerFromHf } from './hf.ts';
import type { Tokenizer } from './types.ts';

/** A folder's file by its name; undefined when it is not there. */
export type ReadFile = (name: string) => Promise<Uint8Array | undefined>;

/**
 * Files that a Hugging Face folder carries its tokens and template in, all that `tokenizerFromFolder` reads. One of the
 * vocabularies is needed: tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt.
 */
export const tokenFiles = [
  'tokenizer.json',
  'tokenizer.model',
  'vocab.json',
  'merges.txt',
  'vocab.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'generation_config.json',
  'chat_template.jinja',
  'chat_template.json',
] as const;

/**
 * The tokenizer of a Hugging Face folder, whatever files it is carried in.
 * @param name of the folder, for messages
 * @param model parsed config.json
 * @throws FormatError when there is no vocabulary, or a file is damaged, a Git LFS pointer or of a kind that is not read
 */
export async function tokenizerFromFolder(name: string, read: ReadFile, model: object): Promise<Tokenizer> {
  const text = async (file: string): Promise<string | undefined> => {
    const bytes = await read(file);
    return bytes === undefined ? undefined : readText(`${name}/${file}`, bytes);
  };
  const json = async (file: string): Promise<object | undefined> => {
    const content = await text(file);
    return content === undefined ? undefined : parseJson(`${name}/${file}`, content);
  };
  const files: HfTokenizerFiles = {
    ...(await readVocabulary(name, read, text, json)),
    config: await json('tokenizer_config.json'),
    specialTokensMap: await json('special_tokens_map.json'),
    addedTokens: await json('added_tokens.json'),
    chatTemplate: await text('chat_template.jinja'),
    chatTemplateJson: await json('chat_template.json'),
    generation: await json('generation_config.json'),
    model,
  };
  try {
    return tokenizerFromHf(files);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function readVocabulary(
  name: string,
  read: ReadFile,
  text: (file: string) => Promise<string | undefined>,
  json: (file: string) => Promise<object | undefined>,
): Promise<Pick<HfTokenizerFiles, 'tokenizer' | 'sentencePiece' | 'merges' | 'words'>> {
  const tokenizer = await json('tokenizer.json');
  if (tokenizer !== undefined) return { tokenizer };
  const sentencePiece = await read('tokenizer.model');
  if (sentencePiece !== undefined) return { sentencePiece: notPointer(`${name}/tokenizer.model`, sentencePiece) };
  const [vocab, merges] = [await json('vocab.json'), await text('merges.txt')];
  if (vocab !== undefined && merges !== undefined) return { merges: { vocab, merges } };
  const words = vocab === undefined && merges === undefined ? await text('vocab.txt') : undefined;
  if (words !== undefined) return { words };
  const half = vocab === undefined ? merges && 'merges.txt without vocab.json' : 'vocab.json without merges.txt';
  const tekken = (await read('tekken.json')) === undefined ? undefined : 'tekken.json alone';
  throw new FormatError(
    `${name}: ${half ?? tekken ?? 'holds no tokenizer'}; expected tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt: fetch it from where the model came from`,
  );
}

const pointer = 'version https://git-lfs.github.com/spec/';

function notPointer(path: string, bytes: Uint8Array): Uint8Array {
  if (new TextDecoder('latin1').decode(bytes.subarray(0, pointer.length)) === pointer) {
    throw new FormatError(`${path}: is a Git LFS pointer, not the file itself; run git lfs pull, or fetch it again`);
  }
  return bytes;
}

function readText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(notPointer(path, bytes));
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${path}: is no UTF-8 text; fetch it again`, { cause: error });
  }
}

function parseJson(path: string, text: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path}: is not valid JSON; fetch it again`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null)
    throw new FormatError(`${path}: found ${typeof parsed}, expected a JSON object; fetch it again`);
  return parsed;
}
