import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import type { TextEncoding } from './vocabulary-tokenizer.ts';

/** Text is split in pieces of about this many UTF-16 units, so that memory stays small. */
const chunkLength = 1 << 16;
/** Words remembered with their ids; natural text repeats most of its words. About 10 MB. */
const cacheLimit = 100_000;
/** Longer words, whole lines of some vocabularies, hardly come again. */
const longestRemembered = 64;

export interface BpeOptions {
  /** Normalizer object as in tokenizer.json. */
  readonly normalizer: object | null;
  /**
   * Expressions that split text into words one after the other, before the byte alphabet; or a pre-tokenizer object of
   * tokenizer.json that is no such list.
   */
  readonly words: readonly string[] | object | null;
  /** Ids by token text. */
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly ignoreMerges: boolean;
  readonly unknownToken?: string;
  /** Whether the words of a text stay the same when it is cut between a letter and a line end. */
  readonly cuttable: boolean;
  /** How text is prepared and words are spelt in the vocabulary; default the byte alphabet. */
  readonly spelling?: Spelling;
}

/** Spelling of a vocabulary without the byte alphabet: characters as they are, bytes `<0xNN>` for those it lacks. */
export interface Spelling {
  /** Spaces are `▁`. */
  readonly escapesSpaces?: boolean;
  /** White space separates words and is in none; text may be put into small letters. */
  readonly dropsSpaces?: boolean;
  readonly lowercase?: boolean;
  /** A run of line feeds that is a token is taken whole, without merging. */
  readonly wholeNewlines?: boolean;
}

/**
 * Byte-pair encoding by `@huggingface/tokenizers`, without its special tokens, which are cut out before. Where the
 * splitting is known, words are remembered here: the library alone spends most of its time on words it has seen.
 */
export class BpeEncoding implements TextEncoding {
  readonly #library: LibraryTokenizer;
  /** Words of a text, when the splitting is known. */
  readonly #split: ((text: string) => string[]) | undefined;
  readonly #cuttable: boolean;
  readonly #spelling: Spelling | undefined;
  readonly #vocab: Readonly<Record<string, number>>;
  readonly #cache = new Map<string, readonly number[]>();

  constructor(options: BpeOptions) {
    const { words, vocab, merges, ignoreMerges, unknownToken, spelling } = options;
    this.#spelling = spelling;
    this.#vocab = vocab;
    const model = {
      type: 'BPE',
      vocab,
      merges,
      ignore_merges: ignoreMerges,
      unk_token: unknownToken ?? null,
      byte_fallback: spelling !== undefined,
    };
    const splits = Array.isArray(words) ? words : undefined;
    this.#cuttable = options.cuttable;
    if (splits === undefined) {
      this.#library = library(options.normalizer, words, model);
    } else {
      this.#library = library(null, spelling === undefined ? byteAlphabet : null, model);
      const splitter = library(options.normalizer, splitting(splits), { type: 'BPE', vocab: {}, merges: [] });
      this.#split = (text) => splitter.pre_tokenizer(splitter.normalizer?.(text) ?? text);
    }
  }

  encode(text: string): Int32Array {
    // A lone surrogate is no text; UTF-8 makes it U+FFFD.
    text = this.#spelt(text.toWellFormed());
    const parts: Int32Array[] = [];
    let length = 0;
    for (let start = 0; start < text.length; ) {
      const end = this.#cuttable ? cutAfter(text, start + chunkLength) : text.length;
      const part = this.#encodeChunk(text.slice(start, end));
      parts.push(part);
      length += part.length;
      start = end;
    }
    const ids = new Int32Array(length);
    let offset = 0;
    for (const part of parts) {
      ids.set(part, offset);
      offset += part.length;
    }
    return ids;
  }

  #spelt(text: string): string {
    const lower = this.#spelling?.lowercase === true ? text.toLowerCase() : text;
    return this.#spelling?.escapesSpaces === true ? lower.replaceAll(' ', '▁') : lower;
  }

  #encodeChunk(text: string): Int32Array {
    if (this.#split === undefined) return Int32Array.from(this.#idsOf(text));
    const ids: number[] = [];
    for (const word of this.#split(text)) {
      if (this.#spelling?.dropsSpaces === true && /^\s*$/u.test(word)) continue;
      for (const id of this.#idsOfWord(word)) ids.push(id);
    }
    return Int32Array.from(ids);
  }

  #idsOfWord(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known !== undefined) return known;
    const whole = this.#spelling?.wholeNewlines === true && /^\n+$/.test(word) ? this.#vocab[word] : undefined;
    const ids = whole === undefined ? this.#idsOf(word) : [whole];
    // Starting afresh costs less than keeping the order of use.
    if (word.length > longestRemembered) return ids;
    if (this.#cache.size >= cacheLimit) this.#cache.clear();
    this.#cache.set(word, ids);
    return ids;
  }

  #idsOf(text: string): number[] {
    return this.#library.encode(text, { add_special_tokens: false }).ids;
  }
}

const byteAlphabet = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

/** Pre-tokenizer object of tokenizer.json for expressions applied in turn; matches and what is between are words. */
function splitting(splits: readonly string[]): object {
  const split = (regex: string): object => {
    return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
  };
  return { type: 'Sequence', pretokenizers: splits.map(split) };
}

function library(normalizer: object | null, preTokenizer: object | null, model: object): LibraryTokenizer {
  const json = {
    added_tokens: [],
    normalizer,
    pre_tokenizer: preTokenizer,
    model,
    post_processor: null,
    decoder: null,
  };
  return new LibraryTokenizer(json, {});
}

/**
 * First place at or after `from` between a letter and a line feed: in every pre-tokenizer of the table a word ends
 * with that letter whatever follows, and none looks behind, so both sides can be encoded apart.
 */
function cutAfter(text: string, from: number): number {
  if (from >= text.length) return text.length;
  const boundary = /\p{L}\n/gu;
  boundary.lastIndex = from;
  const match = boundary.exec(text);
  return match === null ? text.length : match.index + match[0].length - 1;
}
