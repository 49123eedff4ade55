/**
 * Sums of code words: a group is near to Σ_m book_m[code_m]. Costs are float32, rounded after every operation.
 * @see Babenko and Lempitsky, "Additive Quantization for Extreme Vector Compression", CVPR 2014 (beam search)
 */
export interface WordBooks {
  /** Values of a word: 4 or 8. */
  readonly size: number;
  /** [books, 256, size] */
  readonly words: Float32Array;
}

/** Groups that get the sums of words near to them. */
export interface SumTask {
  readonly books: WordBooks;
  /** Partial sums that go on from book to book, 1 to 4. */
  readonly beam: number;
  /** [groups, size], and what an error costs */
  readonly x: Float32Array;
  readonly w: Float32Array;
  /** [groups, books] out */
  readonly codes: Uint8Array;
}

/** Words of a book. */
export const BOOK_WORDS = 256;

/** A sum of the first words, and what it leaves of the group. */
interface Partial {
  readonly path: readonly number[];
  readonly rest: Float32Array;
}

/** A word more on a sum. */
interface Candidate {
  readonly parent: Partial;
  readonly code: number;
  readonly cost: number;
}

/** Beam search: the best few sums of the first books go on to the next one; of equals the first. */
export function nearestSums({ books: { size, words }, beam, x, w, codes }: SumTask): void {
  const books = words.length / (BOOK_WORDS * size);
  for (let at = 0, g = 0; at < x.length; at += size, g++) {
    const weights = w.subarray(at, at + size);
    let partials: Partial[] = [{ path: [], rest: x.slice(at, at + size) }];
    for (let m = 0; m < books; m++) {
      const book = words.subarray(m * BOOK_WORDS * size, (m + 1) * BOOK_WORDS * size);
      const kept: Candidate[] = [];
      for (const parent of partials) keepCheapest(kept, beam, parent, book, weights);
      partials = kept.map(({ parent, code }) => ({
        path: [...parent.path, code],
        rest: parent.rest.map((value, i) => value - book[code * size + i]),
      }));
    }
    codes.set(partials[0].path, g * books);
  }
}

/** Inserts the words of a book into the cheapest so far, each behind those that cost as much. */
function keepCheapest(kept: Candidate[], most: number, parent: Partial, book: Float32Array, w: Float32Array): void {
  for (let code = 0; code < BOOK_WORDS; code++) {
    const limit = kept.length === most ? kept[most - 1].cost : Infinity;
    const cost = wordCost(book, code, parent.rest, 0, w, 0, w.length, limit);
    if (kept.length === most && !(cost < limit)) continue;
    let at = kept.length;
    while (at > 0 && cost < kept[at - 1].cost) at--;
    kept.splice(at, 0, { parent, code, cost });
    kept.length = Math.min(kept.length, most);
  }
}

/**
 * Σ w (x − word)² of a word, values from `at`, weights from `weightAt`; what is not below `limit` may be any such number: costs
 * only grow from value to value.
 */
export function wordCost(
  book: Float32Array,
  code: number,
  x: Float32Array,
  at: number,
  w: Float32Array,
  weightAt: number,
  size: number,
  limit: number,
): number {
  let cost = 0;
  for (let i = 0; i < size && cost < limit; i++) {
    const difference = Math.fround(x[at + i] - book[code * size + i]);
    cost = Math.fround(cost + Math.fround(Math.fround(w[weightAt + i] * difference) * difference));
  }
  return cost;
}
