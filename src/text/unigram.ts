import { CharactersMap } from './characters-map.ts';
import type { Vocabulary } from './vocabulary.ts';
import { TokenType } from './vocabulary.ts';
import type { TextEncoding } from './vocabulary-tokenizer.ts';

export interface UnigramOptions {
  /** SentencePiece's compiled normalization; empty when there is none. */
  readonly charsMap: Uint8Array;
  /** Whether runs of spaces become one, and those at the ends none. */
  readonly removeExtraSpaces: boolean;
}

/** Log probability that an unknown character has less than the least probable token. */
const UNKNOWN_PENALTY = 10;
/** Characters of text whose best tokens are sought at once; a cut is made before a space. */
const pieceLength = 1 << 14;

/**
 * SentencePiece's unigram model (T5, XLM-R) as llama.cpp runs it: the tokens of a text whose log probabilities have the
 * greatest sum (Viterbi); characters that no token makes are unknown, a run of them one token.
 */
export class UnigramEncoding implements TextEncoding {
  readonly #map: CharactersMap;
  readonly #removeExtraSpaces: boolean;
  readonly #addSpacePrefix: boolean;
  readonly #unknown: number;
  readonly #unknownScore: number;
  readonly #cuttable: boolean;
  readonly #scores: Float64Array;
  /** Tokens that may be found in text, in order of UTF-16; of equal ones the last, as in llama.cpp. */
  readonly #sorted: readonly string[];
  readonly #ids: Int32Array;

  /** @param scores log probabilities by id; @param types TokenType by id */
  constructor(vocabulary: Vocabulary, scores: ArrayLike<number>, types: ArrayLike<number>, options: UnigramOptions) {
    const { tokens } = vocabulary;
    this.#map = new CharactersMap(options.charsMap);
    this.#removeExtraSpaces = options.removeExtraSpaces;
    this.#addSpacePrefix = vocabulary.addSpacePrefix;
    this.#unknown = vocabulary.special.unk ?? 0;
    const found: readonly number[] = [TokenType.normal, TokenType.userDefined, TokenType.unused];
    const order = tokens.map((_, id) => id).filter((id) => found.includes(types[id]) && tokens[id] !== '');
    order.sort((a, b) => (tokens[a] < tokens[b] ? -1 : tokens[a] > tokens[b] ? 1 : b - a));
    this.#sorted = order.map((id) => tokens[id]);
    this.#cuttable = !this.#sorted.some((token) => /[^▁]▁/u.test(token));
    this.#ids = Int32Array.from(order);
    this.#scores = Float64Array.from(order, (id) => (types[id] === TokenType.userDefined ? 0 : scores[id]));
    let least = Number.POSITIVE_INFINITY;
    for (const id of order) if (types[id] === TokenType.normal) least = Math.min(least, scores[id]);
    this.#unknownScore = least - UNKNOWN_PENALTY;
  }

  encode(text: string): Int32Array {
    const normalized = this.#normalize(text.toWellFormed());
    const ids: number[] = [];
    for (let start = 0; start < normalized.length; ) {
      const end = this.#cutAfter(normalized, start + pieceLength);
      for (const id of this.#best(normalized.slice(start, end))) {
        // A run of unknown characters is one token, across cuts too.
        if (id !== this.#unknown || ids.at(-1) !== this.#unknown) ids.push(id);
      }
      start = end;
    }
    return Int32Array.from(ids);
  }

  /** First place from `from` on where a word ends and spaces begin, when no token spans such places; else the end. */
  #cutAfter(text: string, from: number): number {
    if (!this.#cuttable || from >= text.length) return text.length;
    const boundary = /[^▁]▁/gu;
    boundary.lastIndex = from;
    const match = boundary.exec(text);
    return match === null ? text.length : match.index + match[0].length - 1;
  }

  #normalize(text: string): string {
    let out = '';
    let [prefixed, inWord] = [false, false];
    for (const character of this.#map.apply(text)) {
      if (character === ' ') {
        inWord = false;
        if (!this.#removeExtraSpaces) out += '▁';
        continue;
      }
      if (!inWord && ((this.#addSpacePrefix && !prefixed) || this.#removeExtraSpaces)) {
        out += '▁';
        prefixed = true;
      }
      inWord = true;
      out += character;
    }
    return out;
  }

  /** Ids of the best tokens of a text, in order. */
  #best(text: string): number[] {
    const score = new Float64Array(text.length + 1).fill(Number.NEGATIVE_INFINITY);
    const from = new Int32Array(text.length + 1);
    const by = new Int32Array(text.length + 1).fill(this.#unknown);
    score[0] = 0;
    for (let start = 0; start < text.length; ) {
      const width = text.codePointAt(start)! > 0xffff ? 2 : 1;
      let single = false;
      this.#matches(text, start, (index, end) => {
        if (end - start === width) single = true;
        const sum = score[start] + this.#scores[index];
        if (sum > score[end]) {
          score[end] = sum;
          from[end] = start;
          by[end] = this.#ids[index];
        }
      });
      const sum = score[start] + this.#unknownScore;
      if (!single && sum > score[start + width]) {
        score[start + width] = sum;
        from[start + width] = start;
        by[start + width] = this.#unknown;
      }
      start += width;
    }
    const ids: number[] = [];
    for (let end = text.length; end > 0; end = from[end]) ids.push(by[end]);
    return ids.reverse();
  }

  /** Every token that stands at `start`, shortest first: the range of sorted tokens narrows unit by unit. */
  #matches(text: string, start: number, found: (index: number, end: number) => void): void {
    let [low, high] = [0, this.#sorted.length];
    for (let end = start; end < text.length && low < high; ) {
      const unit = text.charCodeAt(end);
      const depth = end - start;
      low = this.#bound(low, high, depth, unit);
      high = this.#bound(low, high, depth, unit + 1);
      end++;
      if (low < high && this.#sorted[low].length === depth + 1) found(low, end);
    }
  }

  /** First of the tokens from `low` to `high`, equal before `depth`, whose unit there is at least `unit`. */
  #bound(low: number, high: number, depth: number, unit: number): number {
    while (low < high) {
      const middle = (low + high) >>> 1;
      const token = this.#sorted[middle];
      if (token.length <= depth || token.charCodeAt(depth) < unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
