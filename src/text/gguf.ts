import type { MetadataValue } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { BpeEncoding } from './bpe.ts';
import { preTokenizerByName, preTokenizers } from './pre-tokenizers.ts';
import { SpmEncoding } from './spm.ts';
import type { Tokenizer, TypedMetadata } from './types.ts';
import type { SpecialName, Vocabulary } from './vocabulary.ts';
import { endsKey, specialKeys, specialNames, TokenType } from './vocabulary.ts';
import { typed, VocabularyTokenizer } from './vocabulary-tokenizer.ts';

type Metadata = ReadonlyMap<string, MetadataValue>;

/**
 * The tokenizer inside a GGUF file: `gpt2` (byte-level BPE) and `llama` (SentencePiece-like) models.
 * @param metadata key-values of the file
 * @throws FormatError for other tokenizer models, unknown pre-tokenizers and missing or ill-typed entries
 * @see llama.cpp src/llama-vocab.cpp for defaults of absent keys
 */
export function tokenizerFromGguf(metadata: Metadata): Tokenizer {
  const model = metadata.get('tokenizer.ggml.model');
  if (model !== 'gpt2' && model !== 'llama') {
    throw new FormatError(
      `tokenizer.ggml.model: found ${String(model ?? 'nothing')}, expected gpt2 (BPE) or llama (SPM); other tokenizers are not supported`,
    );
  }
  const toGguf = (vocabularySize?: number): Map<string, TypedMetadata> => carried(metadata, vocabularySize);
  if (model === 'llama') {
    const vocabulary = readVocabulary(metadata, model, { bos: 1, eos: 2, unk: 0 }, true);
    const scores =
      numbers(metadata, 'tokenizer.ggml.scores', vocabulary.tokens.length) ??
      new Float32Array(vocabulary.tokens.length);
    return new VocabularyTokenizer(vocabulary, new SpmEncoding(vocabulary, scores), toGguf);
  }
  const name = metadata.get('tokenizer.ggml.pre') ?? 'default';
  const pre = typeof name === 'string' ? preTokenizerByName(name) : undefined;
  if (pre === undefined) {
    const known = preTokenizers.map((candidate) => candidate.names[0]).join(', ');
    throw new FormatError(
      `tokenizer.ggml.pre: found ${String(name)}, expected one of ${known} or their aliases; this pre-tokenizer is not supported`,
    );
  }
  // llama.cpp takes 11 for absent BOS and EOS ids, Falcon's; in any other vocabulary that is a comma or so.
  const vocabulary = readVocabulary(metadata, model, {}, pre.addBos ?? false);
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of vocabulary.tokens.entries()) vocab[token] = id;
  const encoding = new BpeEncoding({
    normalizer: null,
    words: pre.splits,
    vocab,
    merges: strings(metadata, 'tokenizer.ggml.merges').map(splitMerge),
    ignoreMerges: pre.ignoreMerges ?? false,
    cuttable: true,
  });
  return new VocabularyTokenizer(vocabulary, encoding, toGguf);
}

function readVocabulary(
  metadata: Metadata,
  model: Vocabulary['model'],
  defaults: Partial<Record<SpecialName, number>>,
  addBos: boolean,
): Vocabulary {
  // An empty text would match everywhere; llama.cpp renames it so.
  const tokens = strings(metadata, 'tokenizer.ggml.tokens').map((token, id) =>
    token === '' ? `[EMPTY_${id}]` : token,
  );
  const special: Partial<Record<SpecialName, number>> = {};
  for (const name of specialNames) {
    const declared = metadata.get(specialKeys[name]);
    const id = typeof declared === 'number' && declared < tokens.length ? declared : defaults[name];
    if (id !== undefined && id < tokens.length) special[name] = id;
  }
  const flag = (key: string, fallback: boolean): boolean => {
    const value = metadata.get(key);
    return typeof value === 'boolean' ? value : fallback;
  };
  const template = metadata.get('tokenizer.chat_template');
  return {
    model,
    tokens,
    types:
      numbers(metadata, 'tokenizer.ggml.token_type', tokens.length) ??
      new Uint8Array(tokens.length).fill(TokenType.normal),
    special,
    ends: [...(numbers(metadata, endsKey, 0) ?? []), ...fillInMiddleEnds(metadata)],
    addBos: flag('tokenizer.ggml.add_bos_token', addBos),
    addEos: flag('tokenizer.ggml.add_eos_token', false),
    addSpacePrefix: model === 'llama' && flag('tokenizer.ggml.add_space_prefix', true),
    chatTemplate: typeof template === 'string' ? template : undefined,
  };
}

/** Fill-in-the-middle tokens that stand between files: llama.cpp stops at them. */
function fillInMiddleEnds(metadata: Metadata): number[] {
  const ids = ['pad', 'rep', 'sep'].map((name) => metadata.get(`tokenizer.ggml.fim_${name}_token_id`));
  return ids.filter((id) => typeof id === 'number');
}

function strings(metadata: Metadata, key: string): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new FormatError(
      `${key}: found ${value === undefined ? 'nothing' : 'another type'}, expected an array of strings; the file's vocabulary is incomplete`,
    );
  }
  return value;
}

function numbers(metadata: Metadata, key: string, length: number): readonly number[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || (value.length > 0 && typeof value[0] !== 'number')) {
    throw new FormatError(`${key}: found another type, expected an array of numbers; the file's vocabulary is damaged`);
  }
  if (value.length < length) {
    throw new FormatError(`${key}: found ${value.length} entries, expected one for each of ${length} tokens`);
  }
  return value;
}

/** Parts of a merge: the separator is the first space that is not the first character. */
function splitMerge(merge: string): [string, string] {
  const space = merge.indexOf(' ', 1);
  return space < 0 ? ['', ''] : [merge.slice(0, space), merge.slice(space + 1)];
}

/** The `tokenizer.*` entries as they came, padded to the model's vocabulary. */
function carried(metadata: Metadata, vocabularySize = 0): Map<string, TypedMetadata> {
  const out = new Map<string, TypedMetadata>();
  for (const [key, value] of metadata)
    if (key.startsWith('tokenizer.') || key === endsKey) out.set(key, typed(typeOf(key, value), value));
  const tokens = strings(metadata, 'tokenizer.ggml.tokens');
  const missing = Array.from({ length: Math.max(0, vocabularySize - tokens.length) }, (_, i) => tokens.length + i);
  if (missing.length === 0) return out;
  const pad = (key: string, type: string, of: (id: number) => string | number): void => {
    const old = out.get(key)?.value as readonly (string | number)[] | undefined;
    if (old !== undefined) out.set(key, typed(type, [...Array.from(old), ...missing.map(of)] as MetadataValue));
  };
  pad('tokenizer.ggml.tokens', 'array:string', (id) => `[PAD${id}]`);
  pad('tokenizer.ggml.token_type', 'array:int32', () => TokenType.unused);
  pad('tokenizer.ggml.scores', 'array:float32', () => -10000);
  return out;
}

/** GGUF type of a tokenizer's entry: by its key where llama.cpp insists, else by its value. */
function typeOf(key: string, value: MetadataValue): string {
  if (key.endsWith('.scores')) return 'array:float32';
  if (key.endsWith('.token_type') || key.endsWith('.suppress_tokens')) return 'array:int32';
  if (key.endsWith('.precompiled_charsmap')) return 'array:uint8';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return value < 0n ? 'int64' : 'uint64';
  if (typeof value === 'number') return Number.isInteger(value) ? (value < 0 ? 'int32' : 'uint32') : 'float32';
  const first = value[0];
  return `array:${first === undefined ? 'string' : typeOf('', first as MetadataValue)}`;
}
