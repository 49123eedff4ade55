import type { Vocabulary } from './vocabulary.ts';
import { TokenType } from './vocabulary.ts';
import type { TextEncoding } from './vocabulary-tokenizer.ts';

/** A pair of neighbouring symbols that is a token; higher score merges first, then the leftmost. */
interface Bigram {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  /** Token made of both; stale when the symbols have changed since. */
  readonly text: string;
}

/**
 * SentencePiece-like encoding as llama.cpp does it: characters are symbols, and the neighbours whose union is the token
 * of highest score merge until none is left; what is no token falls back to its bytes `<0xNN>`.
 */
export class SpmEncoding implements TextEncoding {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: ArrayLike<number>;
  readonly #addSpacePrefix: boolean;
  /** Longest token in UTF-16 units: longer unions need no look-up. */
  readonly #longest: number;
  /** Whether no token spans a letter and a line feed, so that text can be cut there. */
  readonly #cuttable: boolean;

  /** @param scores by id; only their order counts */
  constructor(vocabulary: Vocabulary, scores: ArrayLike<number>) {
    this.#ids = new Map(vocabulary.tokens.map((token, id) => [token, id]));
    this.#scores = scores;
    this.#addSpacePrefix = vocabulary.addSpacePrefix;
    this.#longest = vocabulary.tokens.reduce((longest, token) => Math.max(longest, token.length), 0);
    const spans = (token: string, id: number): boolean =>
      vocabulary.types[id] !== TokenType.unused && /.\n/su.test(token);
    this.#cuttable = !vocabulary.tokens.some(spans);
  }

  encode(text: string, first: boolean): Int32Array {
    const escaped = (this.#addSpacePrefix && first ? ` ${text}` : text).replaceAll(' ', '▁');
    const ids: number[] = [];
    // Merges never cross the cut, so that each line is a small problem of its own.
    const pieces = this.#cuttable ? escaped.split(/(?<=[^\n])(?=\n)/u) : [escaped];
    for (const piece of pieces) this.#encodePiece(piece, ids);
    return Int32Array.from(ids);
  }

  #encodePiece(piece: string, ids: number[]): void {
    // A lone surrogate is no text; UTF-8 makes it U+FFFD.
    const symbols: string[] = Array.from(piece.toWellFormed());
    const previous = Int32Array.from(symbols, (_, i) => i - 1);
    const next = Int32Array.from(symbols, (_, i) => (i + 1 < symbols.length ? i + 1 : -1));
    const queue: Bigram[] = [];
    const consider = (left: number, right: number): void => {
      if (left < 0 || right < 0 || symbols[left].length + symbols[right].length > this.#longest) return;
      const text = symbols[left] + symbols[right];
      const id = this.#ids.get(text);
      if (id !== undefined) push(queue, { left, right, score: this.#scores[id], text });
    };
    for (let i = 1; i < symbols.length; i++) consider(i - 1, i);
    for (let top = pop(queue); top !== undefined; top = pop(queue)) {
      const { left, right, text } = top;
      if (
        symbols[left] === '' ||
        symbols[right] === '' ||
        symbols[left].length + symbols[right].length !== text.length
      ) {
        continue;
      }
      symbols[left] = text;
      symbols[right] = '';
      next[left] = next[right];
      if (next[right] >= 0) previous[next[right]] = left;
      consider(previous[left], left);
      consider(left, next[left]);
    }
    for (const symbol of symbols) if (symbol !== '') this.#emit(symbol, ids);
  }

  #emit(symbol: string, ids: number[]): void {
    const id = this.#ids.get(symbol);
    if (id !== undefined) {
      ids.push(id);
      return;
    }
    for (const byte of new TextEncoder().encode(symbol)) {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
      const fallback = this.#ids.get(name) ?? this.#ids.get(String.fromCharCode(byte));
      if (fallback !== undefined) ids.push(fallback);
    }
  }
}

const before = (a: Bigram, b: Bigram): boolean => a.score > b.score || (a.score === b.score && a.left < b.left);

/** Binary heap, the next merge on top. */
function push(heap: Bigram[], item: Bigram): void {
  let child = heap.length;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!before(item, heap[parent])) break;
    heap[child] = heap[parent];
    child = parent;
  }
  heap[child] = item;
}

function pop(heap: Bigram[]): Bigram | undefined {
  const top = heap[0];
  const item = heap.pop();
  if (item === undefined || heap.length === 0) return top;
  let parent = 0;
  for (let child = 1; child < heap.length; child = 2 * parent + 1) {
    if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], item)) break;
    heap[parent] = heap[child];
    parent = child;
  }
  heap[parent] = item;
  return top;
}
