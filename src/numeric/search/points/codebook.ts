import { nearestTable } from '../../levels.ts';
import { GROUP } from './points.ts';
import type { BookTables, PointBook, PointCodes } from './types.ts';

/**
 * Entries compared for each cell of the lattice of levels. Comparing all entries instead lowers the weighted error of the
 * IQ2 and IQ3 types by 0.3 to 1.1 % and takes 7 times as long.
 */
export const NEIGHBOURS = 16;
/** An entry is this many terms, each a level or a pair of levels: its cost is a sum of that many table look-ups. */
const TERMS = 4;

const EQUAL = new Float64Array(GROUP).fill(1);

/** A code book of points: levels of `size` consecutive values. */
export class CodeBook implements PointBook {
  readonly size: 4 | 8;
  readonly smallest: number;
  readonly largest: number;
  readonly parts: readonly BookTables[];
  readonly #signs: BookTables['signs'];
  readonly #book: Int8Array;
  /** Ascending. */
  readonly #levels: Float64Array;
  readonly #rank: Uint8Array;
  /** Values of a term: 1 or 2. */
  readonly #width: number;
  /** Values that a term takes. */
  readonly #terms: number;
  /** Places of the terms of each entry in the table of costs, a byte each. [entries] */
  readonly #places: Uint32Array;
  /** Cost of each value of each term. [TERMS, terms] */
  readonly #costs: Float64Array;
  /** Cost of each level of the second value of a pair. */
  readonly #second: Float64Array;
  /** The entries nearest to every point of the lattice of levels, all weights equal; found when first asked for. */
  readonly #neighbours: Uint16Array;
  /** Their places. */
  readonly #neighbourPlaces: Uint32Array;
  readonly #known: Uint8Array;
  /** The group at hand, divided by the scale, without signs that are stored apart. */
  readonly #y = new Float64Array(GROUP);

  /** @param book levels, [entries, size] */
  constructor(book: Int8Array, size: 4 | 8, signs: BookTables['signs']) {
    this.size = size;
    this.#signs = signs;
    this.#book = book;
    this.#levels = Float64Array.from(new Set(book)).sort();
    const magnitudes = this.#levels.map(Math.abs);
    this.smallest = Math.min(...magnitudes);
    this.largest = Math.max(...magnitudes);
    this.#rank = nearestTable(Float32Array.from(this.#levels));
    const count = this.#levels.length;
    this.#width = size / TERMS;
    this.#terms = count ** this.#width;
    this.#places = new Uint32Array(book.length / size);
    for (let i = 0; i < this.#places.length * TERMS; i++) {
      let term = 0;
      for (let k = 0; k < this.#width; k++) term = term * count + this.#levels.indexOf(book[i * this.#width + k]);
      this.#places[Math.floor(i / TERMS)] |= ((i % TERMS) * this.#terms + term) << (8 * (i % TERMS));
    }
    this.parts = [{ size, signs, book, levels: this.#levels, rank: this.#rank, places: this.#places }];
    this.#costs = new Float64Array(TERMS * this.#terms);
    this.#second = new Float64Array(count);
    this.#known = new Uint8Array(count ** size);
    this.#neighbours = new Uint16Array(count ** size * NEIGHBOURS);
    this.#neighbourPlaces = new Uint32Array(this.#neighbours.length);
  }

  points(): Int8Array[] {
    const count = this.#book.length / this.size;
    return Array.from({ length: count }, (_, e) => this.#book.subarray(e * this.size, (e + 1) * this.size));
  }

  /** Where the number of minus signs must be even and is not, the value that loses least by it takes the wrong sign. */
  nearest(x: Float64Array, w: Float64Array, at: number, scale: number, codes: PointCodes, q: Float64Array): number {
    const signs = this.#signs === 'none' ? this.#loadSigned(x, at, scale) : this.#loadMagnitudes(x, w, at, scale);
    codes.signs[at / GROUP] = signs;
    let total = 0;
    for (let from = 0; from < GROUP; from += this.size) {
      total += this.#nearestEntry(w, at, from, codes, q);
    }
    for (let i = 0; i < GROUP; i++) if ((signs >> i) & 1) q[i] = -q[i];
    return total;
  }

  #loadSigned(x: Float64Array, at: number, scale: number): number {
    const bound = 2 * this.largest;
    for (let i = 0; i < GROUP; i++) {
      this.#y[i] = scale > 0 ? Math.max(-bound, Math.min(x[at + i] / scale, bound)) : 0;
    }
    return 0;
  }

  #loadMagnitudes(x: Float64Array, w: Float64Array, at: number, scale: number): number {
    const bound = 2 * this.largest;
    const inverse = 1 / scale;
    const y = this.#y;
    let signs = 0;
    let minus = 0;
    for (let i = 0; i < GROUP; i++) {
      const value = x[at + i];
      if (value < 0) {
        signs |= 1 << i;
        minus ^= 1;
      }
      y[i] = scale > 0 ? Math.min(Math.abs(value) * inverse, bound) : 0;
    }
    if (minus === 0 || this.#signs === 'free') return signs;
    const flipped = this.#cheapestFlip(w, at);
    y[flipped] *= -1;
    return signs ^ (1 << flipped);
  }

  #cheapestFlip(w: Float64Array, at: number): number {
    const { smallest } = this;
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < GROUP; i++) {
      const y = this.#y[i];
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

  #nearestEntry(w: Float64Array, at: number, from: number, codes: PointCodes, q: Float64Array): number {
    const first = this.#neighboursOf(this.#cell(from)) * NEIGHBOURS;
    this.#addCosts(w, at, from);
    const costs = this.#costs;
    const places = this.#neighbourPlaces;
    let nearest = first;
    let least = Infinity;
    for (let k = first; k < first + NEIGHBOURS; k++) {
      const cost = costOf(costs, places[k]);
      if (cost < least) {
        least = cost;
        nearest = k;
      }
    }
    const best = this.#neighbours[nearest];
    const { size } = this;
    codes.entries[(at + from) / size] = best;
    for (let i = 0; i < size; i++) q[from + i] = this.#book[best * size + i];
    return least;
  }

  /** The point of the lattice of levels that is nearest to values [from, from + size). */
  #cell(from: number): number {
    const count = this.#levels.length;
    let cell = 0;
    for (let i = from; i < from + this.size; i++) cell = cell * count + this.#rank[(this.#y[i] * 2 + 256) | 0];
    return cell;
  }

  #addCosts(w: Float64Array, at: number, from: number): void {
    const levels = this.#levels;
    const costs = this.#costs;
    const y = this.#y;
    const count = levels.length;
    let place = 0;
    if (this.#width === 1) {
      for (let i = from; i < from + TERMS; i++) {
        const value = y[i];
        const weight = w[at + i];
        for (let l = 0; l < count; l++, place++) costs[place] = weight * (levels[l] - value) * (levels[l] - value);
      }
      return;
    }
    const second = this.#second;
    for (let i = from; i < from + 2 * TERMS; i += 2) {
      const weight = w[at + i];
      for (let m = 0; m < count; m++) second[m] = w[at + i + 1] * (levels[m] - y[i + 1]) * (levels[m] - y[i + 1]);
      for (let l = 0; l < count; l++) {
        const cost = weight * (levels[l] - y[i]) * (levels[l] - y[i]);
        for (let m = 0; m < count; m++, place++) costs[place] = cost + second[m];
      }
    }
  }

  /** Makes sure that the neighbours of a cell are known; returns the cell. */
  #neighboursOf(cell: number): number {
    if (this.#known[cell] === 1) return cell;
    this.#known[cell] = 1;
    const list = this.#neighbours.subarray(cell * NEIGHBOURS, (cell + 1) * NEIGHBOURS);
    const distances = new Float64Array(NEIGHBOURS).fill(Infinity);
    const wanted = this.#y.slice();
    this.#y.set(this.#latticePoint(cell));
    this.#addCosts(EQUAL, 0, 0);
    this.#y.set(wanted);
    for (let entry = 0; entry < this.#places.length; entry++) {
      const distance = costOf(this.#costs, this.#places[entry]);
      if (distance >= distances[NEIGHBOURS - 1]) continue;
      let place = NEIGHBOURS - 1;
      for (; place > 0 && distance < distances[place - 1]; place--) {
        distances[place] = distances[place - 1];
        list[place] = list[place - 1];
      }
      distances[place] = distance;
      list[place] = entry;
    }
    for (let k = 0; k < NEIGHBOURS; k++) this.#neighbourPlaces[cell * NEIGHBOURS + k] = this.#places[list[k]];
    return cell;
  }

  #latticePoint(cell: number): Float64Array {
    const count = this.#levels.length;
    const point = new Float64Array(this.size);
    for (let i = this.size - 1, rest = cell; i >= 0; i--, rest = Math.floor(rest / count)) {
      point[i] = this.#levels[rest % count];
    }
    return point;
  }
}

/** Cost of an entry whose terms are at these places. */
function costOf(costs: Float64Array, places: number): number {
  return costs[places & 255] + costs[(places >> 8) & 255] + costs[(places >> 16) & 255] + costs[places >>> 24];
}
