import { GROUP } from './points.ts';
import type { BookTables, PointBook, PointCodes } from './types.ts';

/** Two books of points of GROUP values that a group may choose from; entries of the second follow those of the first. */
export class EitherBook implements PointBook {
  readonly size = GROUP;
  readonly smallest: number;
  readonly largest: number;
  readonly parts: readonly BookTables[];
  readonly #first: PointBook;
  readonly #second: PointBook;
  readonly #firstCount: number;
  readonly #levels = new Float64Array(GROUP);

  constructor(first: PointBook, second: PointBook) {
    this.smallest = Math.min(first.smallest, second.smallest);
    this.largest = Math.max(first.largest, second.largest);
    this.parts = [...first.parts, ...second.parts];
    this.#first = first;
    this.#second = second;
    this.#firstCount = first.points().length;
  }

  points(): Int8Array[] {
    return [...this.#first.points(), ...this.#second.points()];
  }

  nearest(x: Float64Array, w: Float64Array, at: number, scale: number, codes: PointCodes, q: Float64Array): number {
    const firstCost = this.#first.nearest(x, w, at, scale, codes, this.#levels);
    const firstEntry = codes.entries[at / GROUP];
    const secondCost = this.#second.nearest(x, w, at, scale, codes, q);
    codes.entries[at / GROUP] += this.#firstCount;
    if (secondCost < firstCost) return secondCost;
    codes.entries[at / GROUP] = firstEntry;
    q.set(this.#levels);
    return firstCost;
  }
}
