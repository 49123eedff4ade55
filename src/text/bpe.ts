import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import type { TextEncoding } from './vocabulary-tokenizer.ts';

/** Text is handed to the library in pieces of about this many UTF-16 units, so that its memory stays small. */
const chunkLength = 1 << 16;

export interface BpeOptions {
  /** Normalizer and pre-tokenizer objects as in tokenizer.json. */
  readonly normalizer: object | null;
  readonly preTokenizer: object | null;
  /** Ids by token text. */
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[] | readonly string[];
  readonly ignoreMerges: boolean;
  readonly unknownToken?: string;
  /** Whether the words of a text stay the same when it is cut between a letter and a line end. */
  readonly cuttable: boolean;
}

/** Byte-pair encoding by `@huggingface/tokenizers`, without its special tokens, which are cut out before. */
export class BpeEncoding implements TextEncoding {
  readonly #library: LibraryTokenizer;
  readonly #cuttable: boolean;

  constructor(options: BpeOptions) {
    this.#cuttable = options.cuttable;
    this.#library = new LibraryTokenizer(
      {
        added_tokens: [],
        normalizer: options.normalizer,
        pre_tokenizer: options.preTokenizer,
        model: {
          type: 'BPE',
          vocab: options.vocab,
          merges: options.merges,
          ignore_merges: options.ignoreMerges,
          unk_token: options.unknownToken ?? null,
        },
        post_processor: null,
        decoder: null,
      },
      {},
    );
  }

  encode(text: string): Int32Array {
    const parts: number[][] = [];
    let start = 0;
    while (start < text.length) {
      const end = this.#cuttable ? cutAfter(text, start + chunkLength) : text.length;
      parts.push(this.#library.encode(text.slice(start, end), { add_special_tokens: false }).ids);
      start = end;
    }
    const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      ids.set(part, offset);
      offset += part.length;
    }
    return ids;
  }
}

/** Pre-tokenizer object of tokenizer.json for expressions applied in turn, then mapping to the byte alphabet. */
export function byteLevelPreTokenizer(splits: readonly string[]): object {
  return {
    type: 'Sequence',
    pretokenizers: [
      ...splits.map((split) => ({ type: 'Split', pattern: { Regex: split }, behavior: 'Isolated', invert: false })),
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  };
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
