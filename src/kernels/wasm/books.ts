import { NEIGHBOURS } from '../../numeric/search/points/codebook.ts';
import type { BookTables, PointBook } from '../../numeric/search/points/types.ts';
import type { Team } from './team.ts';

/** Places in a book's record, see assembly/search/points/codebook.ts. */
const LEVELS = 64;
const RANK = 128;
const PLACES = 640;
/** Values of a term: an entry is four of them. */
const TERMS = 4;
const SIGNS = { none: 0, free: 1, even: 2 };
/** Bytes of a sub-block's book in a list, see assembly/search/points/books.ts. */
const CHOICE_BYTES = 32;

/** Code books in the memory of a team, each put there when first asked for, to stay. */
export class BookShelf {
  readonly #team: Team;
  readonly #places = new WeakMap<PointBook, number>();
  readonly #lists = new WeakMap<readonly PointBook[], number>();

  constructor(team: Team) {
    this.#team = team;
  }

  /** Address of the list of books that sub-blocks choose from. */
  list(books: readonly PointBook[]): number {
    const known = this.#lists.get(books);
    if (known !== undefined) return known;
    const places = books.map((book) => this.#choice(book));
    const address = this.#team.allocateTable(CHOICE_BYTES * books.length);
    for (const [i, place] of places.entries())
      this.#bytes(address + i * CHOICE_BYTES, CHOICE_BYTES).set(this.#bytes(place, CHOICE_BYTES));
    this.#lists.set(books, address);
    return address;
  }

  #choice(book: PointBook): number {
    const known = this.#places.get(book);
    if (known !== undefined) return known;
    const parts = book.parts.map((part) => this.#record(part));
    const address = this.#team.allocateTable(CHOICE_BYTES);
    const view = new DataView(this.#team.memory.buffer, address, CHOICE_BYTES);
    view.setUint32(0, parts[0], true);
    view.setUint32(4, parts[1] ?? 0, true);
    view.setInt32(8, book.parts[0].places.length, true);
    view.setInt32(12, book.size, true);
    view.setFloat64(16, book.smallest, true);
    view.setFloat64(24, book.largest, true);
    this.#places.set(book, address);
    return address;
  }

  #record({ size, signs, book, levels, rank, places }: BookTables): number {
    const cells = levels.length ** size;
    const header = PLACES + 4 * places.length;
    const lengths = [header, book.length, cells, 2 * NEIGHBOURS * cells, 4 * NEIGHBOURS * cells];
    const starts = lengths.map((_, i) =>
      lengths.slice(0, i).reduce((sum, length) => sum + Math.ceil(length / 8) * 8, 0),
    );
    const address = this.#team.allocateTable(starts[4] + lengths[4]);
    const view = new DataView(this.#team.memory.buffer, address, header);
    const facts = [size, levels.length, size / TERMS, SIGNS[signs], places.length];
    for (const [i, fact] of facts.entries()) view.setInt32(4 * i, fact, true);
    const magnitudes = levels.map(Math.abs);
    view.setFloat64(24, Math.min(...magnitudes), true);
    view.setFloat64(32, Math.max(...magnitudes), true);
    for (let i = 1; i < starts.length; i++) view.setUint32(36 + 4 * i, address + starts[i], true);
    for (const [i, level] of levels.entries()) view.setFloat64(LEVELS + 8 * i, level, true);
    this.#bytes(address + RANK, rank.length).set(rank);
    for (const [i, place] of places.entries()) view.setUint32(PLACES + 4 * i, place, true);
    this.#bytes(address + starts[1], book.length).set(new Uint8Array(book.buffer, book.byteOffset, book.length));
    return address;
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#team.memory.buffer, address, length);
  }
}
