import type { CodeSums } from './correlate.ts';

/** Values whose signs are stored together. */
export const GROUP = 8;

/** What stands for values of a point format. */
export interface PointCodes {
  /** Entry of the book for every `size` values. */
  readonly entries: Uint16Array;
  /** Signs of every GROUP values: bit set = negative, first value lowest. */
  readonly signs: Uint8Array;
}

/** A code book of points: magnitudes of `size` consecutive values, whose signs are stored apart. */
export class PointBook {
  /** Values per entry. */
  readonly size: 4 | 8;
  /** Whether a group has an even number of minus signs, one bit of them being left out. */
  readonly evenSigns: boolean;
  readonly smallest: number;
  readonly largest: number;
  readonly #book: Int8Array;
  /** Ascending. */
  readonly #levels: Float64Array;
  /**
   * Each entry is two patterns of half its values. Entries share few of them, so their costs are added up once; ordered by
   * the first, most are passed over together.
   */
  readonly #order: Uint16Array;
  /** Second pattern of each entry, in that order. */
  readonly #second: Uint16Array;
  /** Where entries of each first pattern begin; one more for the end. */
  readonly #begins: Uint16Array;
  /** Index of the level of each value. [patterns, size / 2] */
  readonly #patterns: Uint8Array;
  readonly #magnitudes = new Float64Array(GROUP);
  /** Cost of each level at each value of a group. [GROUP, levels] */
  readonly #costs: Float64Array;
  readonly #firstCosts: Float64Array;
  readonly #secondCosts: Float64Array;

  /** @param book magnitudes, [entries, size] */
  constructor(book: Int8Array, size: 4 | 8, evenSigns: boolean) {
    this.size = size;
    this.evenSigns = evenSigns;
    this.#book = book;
    this.#levels = Float64Array.from(new Set(book)).sort();
    this.smallest = this.#levels[0];
    this.largest = this.#levels[this.#levels.length - 1];
    const half = size / 2;
    const known = new Map<string, number>();
    const indexOf = (from: number): number => {
      const pattern = Array.from(book.subarray(from, from + half), (level) => this.#levels.indexOf(level));
      const key = pattern.join();
      const index = known.get(key) ?? known.size;
      known.set(key, index);
      return index;
    };
    const entries = book.length / size;
    const first = Array.from({ length: entries }, (_, e) => indexOf(e * size));
    const second = Array.from({ length: entries }, (_, e) => indexOf(e * size + half));
    this.#order = Uint16Array.from(first.keys()).sort((a, b) => first[a] - first[b] || a - b);
    this.#second = this.#order.map((entry) => second[entry]);
    this.#begins = Uint16Array.from({ length: known.size + 1 }, (_, p) => first.filter((other) => other < p).length);
    this.#patterns = Uint8Array.from([...known.keys()].flatMap((key) => key.split(',').map(Number)));
    this.#costs = new Float64Array(GROUP * this.#levels.length);
    this.#firstCosts = new Float64Array(known.size);
    this.#secondCosts = new Float64Array(known.size);
  }

  /** All points: [entries][size] */
  points(): Int8Array[] {
    const count = this.#book.length / this.size;
    return Array.from({ length: count }, (_, e) => this.#book.subarray(e * this.size, (e + 1) * this.size));
  }

  /**
   * The signs and entries nearest to values [at, at + GROUP) under weights w, at a positive scale (any entries at 0).
   * Where the number of minus signs must be even and is not, the value that loses least by it takes the wrong sign.
   * @param codes out, at the same place
   * @param q signed levels, [GROUP] out
   */
  nearest(x: Float64Array, w: Float64Array, at: number, scale: number, codes: PointCodes, q: Float64Array): void {
    let signs = 0;
    let minus = 0;
    for (let i = 0; i < GROUP; i++) {
      const value = x[at + i];
      if (value < 0) {
        signs |= 1 << i;
        minus++;
      }
      this.#magnitudes[i] = scale > 0 ? Math.min(Math.abs(value) / scale, 2 * this.largest) : 0;
    }
    if (this.evenSigns && minus % 2 === 1) {
      const flipped = this.#cheapestFlip(w, at);
      signs ^= 1 << flipped;
      this.#magnitudes[flipped] *= -1;
    }
    this.#nearestEntries(w, at, codes, q);
    codes.signs[at / GROUP] = signs;
    for (let i = 0; i < GROUP; i++) if ((signs >> i) & 1) q[i] = -q[i];
  }

  #cheapestFlip(w: Float64Array, at: number): number {
    const { smallest } = this;
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < GROUP; i++) {
      const y = this.#magnitudes[i];
      // from the distance to the nearest level to that of −y to the smallest
      const near = y <= smallest ? y - smallest : 0;
      const loss = w[at + i] * ((y + smallest) ** 2 - near * near);
      if (loss < least) {
        least = loss;
        best = i;
      }
    }
    return best;
  }

  #nearestEntries(w: Float64Array, at: number, codes: PointCodes, q: Float64Array): void {
    const { size } = this;
    const levels = this.#levels;
    const count = levels.length;
    for (let i = 0; i < GROUP; i++) {
      for (let l = 0; l < count; l++) {
        const distance = levels[l] - this.#magnitudes[i];
        this.#costs[i * count + l] = w[at + i] * distance * distance;
      }
    }
    for (let from = 0; from < GROUP; from += size) {
      const entry = this.#nearestEntry(from);
      codes.entries[(at + from) / size] = entry;
      for (let i = 0; i < size; i++) q[from + i] = this.#book[entry * size + i];
    }
  }

  #nearestEntry(from: number): number {
    const half = this.size / 2;
    addCosts(this.#patterns, this.#costs, from, half, this.#levels.length, this.#firstCosts);
    addCosts(this.#patterns, this.#costs, from + half, half, this.#levels.length, this.#secondCosts);
    const firstCosts = this.#firstCosts;
    const secondCosts = this.#secondCosts;
    const second = this.#second;
    const begins = this.#begins;
    const cheapestSecond = minimum(secondCosts);
    let best = 0;
    let least = Infinity;
    for (let step = -1, likely = indexOfMinimum(firstCosts, begins); step < firstCosts.length; step++) {
      const p = step < 0 ? likely : step; // the most likely first: then few others can be better
      const room = least - firstCosts[p];
      if (room <= cheapestSecond) continue;
      for (let k = begins[p]; k < begins[p + 1]; k++) {
        const cost = firstCosts[p] + secondCosts[second[k]];
        if (cost < least) {
          least = cost;
          best = k;
        }
      }
    }
    return this.#order[best];
  }
}

function minimum(values: Float64Array): number {
  let least = Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] < least) least = values[i];
  return least;
}

/** The pattern of least cost that entries begin with. */
function indexOfMinimum(costs: Float64Array, begins: Uint16Array): number {
  let best = 0;
  let least = Infinity;
  for (let p = 0; p < costs.length; p++) {
    if (costs[p] < least && begins[p + 1] > begins[p]) {
      least = costs[p];
      best = p;
    }
  }
  return best;
}

/** Cost of every pattern of `half` values, of which the first is value `from` of the group. */
function addCosts(
  patterns: Uint8Array,
  costs: Float64Array,
  from: number,
  half: number,
  levels: number,
  total: Float64Array,
): void {
  for (let p = 0, at = 0; p < total.length; p++) {
    let sum = 0;
    for (let i = 0; i < half; i++, at++) sum += costs[(from + i) * levels + patterns[at]];
    total[p] = sum;
  }
}

const scratch: PointCodes = { entries: new Uint16Array(128), signs: new Uint8Array(32) };
const levels = new Float64Array(GROUP);

/** Fills qq and xq of `sums` with the points nearest to (x / scale), elements [from, from + n). */
export function correlatePoints(
  book: PointBook,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  scale: number,
  sums: CodeSums,
): void {
  let sumQQ = 0;
  let sumXQ = 0;
  for (let at = from; at < from + n; at += GROUP) {
    book.nearest(x, w, at, scale, scratch, levels);
    for (let i = 0; i < GROUP; i++) {
      const wq = w[at + i] * levels[i];
      sumQQ += wq * levels[i];
      sumXQ += wq * x[at + i];
    }
  }
  sums.qq = sumQQ;
  sums.xq = sumXQ;
}
