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
  const costs = new Float32Array(BOOK_WORDS);
  for (let at = 0, g = 0; at < x.length; at += size, g++) {
    let partials: Partial[] = [{ path: [], rest: x.slice(at, at + size) }];
    for (let m = 0; m < books; m++) {
      const book = words.subarray(m * BOOK_WORDS * size, (m + 1) * BOOK_WORDS * size);
      const kept: Candidate[] = [];
      for (const parent of partials) {
        wordCosts(book, size, parent.rest, 0, w, at, costs);
        keepCheapest(kept, beam, parent, costs);
      }
      partials = kept.map(({ parent, code }) => ({
        path: [...parent.path, code],
        rest: parent.rest.map((value, i) => value - book[code * size + i]),
      }));
    }
    codes.set(partials[0].path, g * books);
  }
}

/** Inserts the words of a book into the cheapest so far, each behind those that cost as much. */
function keepCheapest(kept: Candidate[], most: number, parent: Partial, costs: Float32Array): void {
  costs.forEach((cost, code) => {
    if (kept.length === most && !(cost < kept[most - 1].cost)) return;
    let at = kept.length;
    while (at > 0 && cost < kept[at - 1].cost) at--;
    kept.splice(at, 0, { parent, code, cost });
    kept.length = Math.min(kept.length, most);
  });
}

/** Σ w (x − word)² of every word, values from `at`, weights from `weightAt`. */
export function wordCosts(
  book: Float32Array,
  size: number,
  x: Float32Array,
  at: number,
  w: Float32Array,
  weightAt: number,
  costs: Float32Array,
): void {
  for (let code = 0; code < costs.length; code++) {
    let cost = 0;
    for (let i = 0; i < size; i++) {
      const difference = Math.fround(x[at + i] - book[code * size + i]);
      cost = Math.fround(cost + Math.fround(Math.fround(w[weightAt + i] * difference) * difference));
    }
    costs[code] = cost;
  }
}
