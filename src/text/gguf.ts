import type { MetadataValue } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { BpeEncoding } from './bpe.ts';
import type { PreTokenizer } from './pre-tokenizers.ts';
import { preTokenizerByName, preTokenizers } from './pre-tokenizers.ts';
import { SpmEncoding } from './spm.ts';
import type { Tokenizer, TypedMetadata } from './types.ts';
import { UnigramEncoding } from './unigram.ts';
import type { SpecialName, Strip, TokenizerModel, Vocabulary } from './vocabulary.ts';
import { endsKey, specialKeys, specialNames, TokenType, tokenizerModels, tokenTypes } from './vocabulary.ts';
import type { TextEncoding } from './vocabulary-tokenizer.ts';
import { typed, VocabularyTokenizer } from './vocabulary-tokenizer.ts';
import { WordPieceEncoding } from './wordpiece.ts';

type Metadata = ReadonlyMap<string, MetadataValue>;

/** What llama.cpp takes where a file of a tokenizer model does not say. */
interface Defaults {
  readonly special: Readonly<Partial<Record<SpecialName, number>>>;
  readonly addBos: boolean;
  readonly addEos?: boolean;
  readonly addSep?: boolean;
  readonly addSpacePrefix?: boolean;
}

/**
 * The tokenizer inside a GGUF file.
 * @param metadata key-values of the file
 * @throws FormatError for other tokenizer models, unknown pre-tokenizers and missing or ill-typed entries
 * @see llama.cpp src/llama-vocab.cpp for defaults of absent keys
 */
export function tokenizerFromGguf(metadata: Metadata): Tokenizer {
  const model = metadata.get('tokenizer.ggml.model');
  if (!tokenizerModels.includes(model as TokenizerModel)) {
    throw new FormatError(
      `tokenizer.ggml.model: found ${String(model ?? 'nothing')}, expected one of ${tokenizerModels.join(', ')}; other tokenizers are not supported`,
    );
  }
  const { vocabulary, encoding } = readers[model as TokenizerModel](metadata);
  const toGguf = (vocabularySize?: number): Map<string, TypedMetadata> => carried(metadata, vocabularySize);
  return new VocabularyTokenizer(vocabulary, encoding, toGguf);
}

interface Read {
  readonly vocabulary: Vocabulary;
  readonly encoding: TextEncoding;
}

const readers: Readonly<Record<TokenizerModel, (metadata: Metadata) => Read>> = {
  gpt2: (metadata) => readBpe(metadata, 'gpt2', metadata.get('tokenizer.ggml.pre') ?? 'default'),
  // llama.cpp always puts BOS before Gemma 4's text, whatever the file says.
  gemma4(metadata) {
    const { vocabulary, encoding } = readBpe(metadata, 'gemma4', 'gemma4');
    return { vocabulary: { ...vocabulary, addBos: true }, encoding };
  },
  whitespace: (metadata) => readBpe(metadata, 'whitespace', 'whitespace'),
  llama(metadata) {
    const special = { bos: 1, eos: 2, unk: 0 };
    const vocabulary = readVocabulary(metadata, 'llama', { special, addBos: true, addSpacePrefix: true });
    return { vocabulary, encoding: new SpmEncoding(vocabulary, readScores(metadata, vocabulary)) };
  },
  t5(metadata) {
    const special = { eos: 1, unk: 2, pad: 0 };
    const vocabulary = readVocabulary(metadata, 't5', { special, addBos: false, addEos: true });
    const encoding = new UnigramEncoding(vocabulary, readScores(metadata, vocabulary), tokenTypes(vocabulary), {
      charsMap: Uint8Array.from(numbers(metadata, 'tokenizer.ggml.precompiled_charsmap', 0) ?? []),
      removeExtraSpaces: flag(metadata, 'tokenizer.ggml.remove_extra_whitespaces', false),
    });
    return { vocabulary, encoding };
  },
  bert(metadata) {
    const special = { bos: 101, unk: 100, sep: 102, pad: 0, mask: 103 };
    const vocabulary = readVocabulary(metadata, 'bert', { special, addBos: true, addSep: true });
    const lowercase = flag(metadata, 'tokenizer.ggml.normalizer.lowercase', true);
    const stripAccents = flag(metadata, 'tokenizer.ggml.normalizer.strip_accents', lowercase);
    // Its first word has the space that every word has; llama.cpp frames text whatever the file says.
    const spaced = { ...vocabulary, addBos: true, addSpacePrefix: true };
    return { vocabulary: spaced, encoding: new WordPieceEncoding(vocabulary, { lowercase, stripAccents }) };
  },
};

function readBpe(metadata: Metadata, model: TokenizerModel, name: MetadataValue): Read {
  const pre = typeof name === 'string' ? preTokenizerByName(name) : undefined;
  if (pre === undefined) {
    const known = preTokenizers.map((candidate) => candidate.names[0]).join(', ');
    throw new FormatError(
      `tokenizer.ggml.pre: found ${String(name)}, expected one of ${known} or their aliases; this pre-tokenizer is not supported`,
    );
  }
  // llama.cpp takes 11 for absent BOS and EOS ids, Falcon's; in any other vocabulary that is a comma or so.
  const vocabulary = readVocabulary(metadata, model, { special: {}, addBos: pre.addBos ?? false }, pre);
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of vocabulary.tokens.entries()) vocab[token] = id;
  const lowercase = flag(metadata, 'tokenizer.ggml.normalizer.lowercase', false);
  const encoding = new BpeEncoding({
    normalizer: null,
    words: pre.splits,
    vocab,
    merges: strings(metadata, 'tokenizer.ggml.merges').map(splitMerge),
    ignoreMerges: pre.ignoreMerges ?? false,
    cuttable: pre.spansLines !== true,
    spelling: model === 'whitespace' ? { ...pre.spelling, dropsSpaces: true, lowercase } : pre.spelling,
  });
  return { vocabulary, encoding };
}

function readScores(metadata: Metadata, { tokens }: Vocabulary): ArrayLike<number> {
  return numbers(metadata, 'tokenizer.ggml.scores', tokens.length) ?? new Float32Array(tokens.length);
}

function flag(metadata: Metadata, key: string, fallback: boolean): boolean {
  const value = metadata.get(key);
  return typeof value === 'boolean' ? value : fallback;
}

function readVocabulary(metadata: Metadata, model: TokenizerModel, defaults: Defaults, pre?: PreTokenizer): Vocabulary {
  // An empty text would match everywhere; llama.cpp renames it so.
  const tokens = strings(metadata, 'tokenizer.ggml.tokens').map((token, id) =>
    token === '' ? `[EMPTY_${id}]` : token,
  );
  const special: Partial<Record<SpecialName, number>> = {};
  for (const name of specialNames) {
    const declared = metadata.get(specialKeys[name]);
    const id = typeof declared === 'number' && declared < tokens.length ? declared : defaults.special[name];
    if (id !== undefined && id < tokens.length) special[name] = id;
  }
  const template = metadata.get('tokenizer.chat_template');
  const types =
    numbers(metadata, 'tokenizer.ggml.token_type', tokens.length) ??
    new Uint8Array(tokens.length).fill(TokenType.normal);
  return {
    model,
    tokens,
    byteLevel: model === 'gpt2' && pre?.spelling === undefined,
    types,
    special,
    strips: stripsByName(metadata, tokens, types),
    ends: [...(numbers(metadata, endsKey, 0) ?? []), ...fillInMiddleEnds(metadata)],
    addBos: flag(metadata, 'tokenizer.ggml.add_bos_token', defaults.addBos),
    addEos: flag(metadata, 'tokenizer.ggml.add_eos_token', defaults.addEos ?? false),
    addSep: defaults.addSep,
    addSpacePrefix:
      (model === 'llama' || model === 't5') &&
      flag(metadata, 'tokenizer.ggml.add_space_prefix', defaults.addSpacePrefix ?? false),
    chatTemplate: typeof template === 'string' ? template : undefined,
  };
}

/**
 * Special tokens that take white space beside them: GGUF has no place for it, and llama.cpp goes by names.
 * @see llama.cpp src/llama-vocab.cpp, "Handle per token attributes"
 */
function stripsByName(metadata: Metadata, tokens: readonly string[], types: ArrayLike<number>): Map<number, Strip> {
  const text = (key: string): string => String(metadata.get(key) ?? '');
  const [name, pre, architecture] = [
    text('general.name').toLowerCase(),
    text('tokenizer.ggml.pre'),
    text('general.architecture'),
  ];
  const left = (token: string): Map<number, Strip> => {
    const id = tokens.indexOf(token);
    return new Map(id < 0 ? [] : [[id, { left: true, right: false }]]);
  };
  if (/jina-v2-(?:de|es|code)/.test(pre) || /nomic-bert-moe|jina-bert-v3/.test(architecture)) return left('<mask>');
  if (/phi-?3/.test(name)) {
    const kinds: readonly number[] = [TokenType.control, TokenType.userDefined, TokenType.unknown];
    const kept = ['<unk>', '<s>', '<|endoftext|>'];
    const taking = tokens.flatMap((token, id) =>
      (kinds.includes(types[id]) || token === '</s>') && !kept.includes(token) ? [id] : [],
    );
    return new Map(taking.map((id) => [id, { left: false, right: true }]));
  }
  return name.includes('modern-bert') ? left('[MASK]') : new Map();
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
