const CELLS = 2 ** 16;

const known = new WeakMap<object, Ratios>();

/**
 * The ratios that levels have to each other, as a table: it tells from two values, for the price of a division, that they are
 * no levels under one scale.
 */
export class Ratios {
  /** Whether a/(a + b) of some levels a, b lies in a cell; the first, where NaN falls, and the last may hold anything. */
  readonly #cells = new Uint8Array(CELLS + 1);

  private constructor(magnitudes: Iterable<number>, slack: number) {
    this.#cells[0] = this.#cells[CELLS] = 1;
    const all = [...new Set(magnitudes)];
    for (const a of all) {
      for (const b of all) {
        const place = (a / (a + b)) * CELLS;
        this.#cells.fill(1, Math.floor(place - slack * CELLS), Math.floor(place + slack * CELLS) + 1);
      }
    }
  }

  /**
   * Made once for `owner`.
   * @param magnitudes of levels
   * @param slack how far a/(a + b) of values may be off
   */
  static of(owner: object, magnitudes: () => Iterable<number>, slack = 0): Ratios {
    const ratios = known.get(owner) ?? new Ratios(magnitudes(), slack);
    known.set(owner, ratios);
    return ratios;
  }

  /** Whether two magnitudes may be levels under one scale; true where one of them is 0 or not finite. */
  mayBe(a: number, b: number): boolean {
    return this.#cells[((a / (a + b)) * CELLS) | 0] === 1;
  }

  /** Whether the first three values may be. */
  mayStart(values: Float32Array, from: number): boolean {
    const second = Math.abs(values[from + 1]);
    return this.mayBe(Math.abs(values[from]), second) && this.mayBe(second, Math.abs(values[from + 2]));
  }
}
