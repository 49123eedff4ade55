import type { Vocabulary } from './vocabulary.ts';
import type { TextEncoding } from './vocabulary-tokenizer.ts';

export interface WordPieceOptions {
  /** Text in small letters; default true. */
  readonly lowercase?: boolean;
  /** Letters without their accents; default as `lowercase`. */
  readonly stripAccents?: boolean;
}

/** Scripts that are written without spaces: each character is a word. @see google-research/bert, tokenization.py, and the Rust library's range for its fifth block */
const ideograph =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u;
const space = /\p{White_Space}/u;
const control = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/u;
/** A word of its own: punctuation, and ASCII's symbols. */
const mark = /\p{P}|[$+<=>^`|~]/u;

/**
 * WordPiece (BERT) as llama.cpp does it: words are split at spaces, marks and ideographs, and each is made of the
 * longest tokens from its start, `▁` before the first; a word that cannot be is one unknown token.
 *
 * Without accents a character is the first of its decomposition (NFD), which also takes a Hangul syllable's first letter
 * alone: llama.cpp does so.
 */
export class WordPieceEncoding implements TextEncoding {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: number | undefined;
  readonly #longest: number;
  readonly #lowercase: boolean;
  readonly #stripAccents: boolean;

  constructor(vocabulary: Vocabulary, { lowercase = true, stripAccents = lowercase }: WordPieceOptions = {}) {
    this.#ids = new Map(vocabulary.tokens.map((token, id) => [token, id]));
    this.#unknown = vocabulary.special.unk;
    this.#longest = vocabulary.tokens.reduce((longest, token) => Math.max(longest, token.length), 0);
    this.#lowercase = lowercase;
    this.#stripAccents = stripAccents;
  }

  encode(text: string): Int32Array {
    const ids: number[] = [];
    for (const word of this.#words(text)) {
      const found = this.#pieces(`▁${word}`);
      if (found !== undefined) ids.push(...found);
      else if (this.#unknown !== undefined) ids.push(this.#unknown);
    }
    return Int32Array.from(ids);
  }

  #words(text: string): string[] {
    const words: string[] = [];
    let word = '';
    const finish = (): void => {
      if (word !== '') words.push(word);
      word = '';
    };
    for (const original of text.toWellFormed()) {
      const character = this.#stripAccents ? firstOf(original.normalize('NFD')) : original;
      if (space.test(character)) {
        finish();
        continue;
      }
      if (control.test(character) || (this.#stripAccents && /\p{M}/u.test(character))) continue;
      const shown = this.#lowercase ? firstOf(character.toLowerCase()) : character;
      if (!mark.test(character) && !ideograph.test(character)) word += shown;
      else {
        finish();
        words.push(shown);
      }
    }
    finish();
    return words;
  }

  /** Ids of the longest tokens from left to right; undefined when one place has none. */
  #pieces(word: string): number[] | undefined {
    const ids: number[] = [];
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + this.#longest);
      while (end > start && !this.#ids.has(word.slice(start, end))) end--;
      if (end === start) return undefined;
      ids.push(this.#ids.get(word.slice(start, end))!);
      start = end;
    }
    return ids;
  }
}

const firstOf = (text: string): string => String.fromCodePoint(text.codePointAt(0)!);
