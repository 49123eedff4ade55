/**
 * Shortest paths through shift-register trellises: state' = (state·2^k + b) mod 2^L, b the k new bits of a value. The 2^k
 * states that lead to one state differ in their oldest bits only, so that a value's cost is added to every state, and the
 * least of those that share their newest bits (a rest) goes on.
 * @see Viterbi, "Error Bounds for Convolutional Codes", 1967; Tseng et al., "QTIP", 2024, algorithm 4 (tail-biting)
 */
export interface Trellis {
  /** L, 12 to 16. */
  readonly bits: number;
  /** k of four values, repeating: 1 to 5 each. */
  readonly steps: readonly number[];
  /** [2^L] */
  readonly levels: Float32Array;
}

/** Blocks of values that get the circular paths whose levels are near to them. */
export interface PathTask {
  readonly trellis: Trellis;
  /** A multiple of 32: a row is blocks of PATH_BLOCK values, of which the last may be shorter. */
  readonly columns: number;
  /** [rows, columns], and what an error costs */
  readonly x: Float32Array;
  readonly w: Float32Array;
  /** State of every value out. [rows, columns] */
  readonly states: Uint16Array;
}

/** Values of a circular path. */
export const PATH_BLOCK = 256;

/**
 * A free path of a block turned by half its length gives the state at the seam, and the path that starts and ends there is
 * the block's. All arithmetic is of float32, rounded after every operation.
 */
export function nearestPaths({ trellis, columns, x, w, states }: PathTask): void {
  const finder = new PathFinder(trellis);
  for (let row = 0; row < x.length; row += columns) {
    for (let i = 0; i < columns; i += PATH_BLOCK) {
      const [from, to] = [row + i, row + Math.min(i + PATH_BLOCK, columns)];
      finder.circle(x.subarray(from, to), w.subarray(from, to), states.subarray(from, to));
    }
  }
}

class PathFinder {
  readonly #trellis: Trellis;
  /** Least cost before value i of every rest of the state. [PATH_BLOCK + 1][2^(L − k_i)] */
  readonly #least: readonly Float32Array[];

  constructor(trellis: Trellis) {
    this.#trellis = trellis;
    this.#least = Array.from({ length: PATH_BLOCK + 1 }, (_, i) => new Float32Array(2 ** this.#restBits(i)));
  }

  circle(x: Float32Array, w: Float32Array, states: Uint16Array): void {
    const half = x.length / 2;
    const turn = (values: Float32Array) => Float32Array.of(...values.subarray(half), ...values.subarray(0, half));
    const turned = [turn(x), turn(w)] as const;
    this.#least[0].fill(0);
    this.#extend(...turned, x.length);
    const last = this.#least[x.length];
    const rest = last.indexOf(last.reduce((least, cost) => Math.min(least, cost)));
    const seam = this.#trace(...turned, states, this.#stateBefore(...turned, x.length, rest), half);
    const { length } = this.#least[0];
    this.#least[0].fill(Infinity)[seam & (length - 1)] = 0;
    this.#extend(x, w, x.length - 1);
    this.#trace(x, w, states, seam, 1);
  }

  #stepBits(i: number): number {
    return this.#trellis.steps[i % this.#trellis.steps.length];
  }

  #restBits(i: number): number {
    return this.#trellis.bits - this.#stepBits(i);
  }

  /** Extends all paths by the first `count` values. */
  #extend(x: Float32Array, w: Float32Array, count: number): void {
    const { levels } = this.#trellis;
    for (let i = 0; i < count; i++) {
      const before = this.#least[i];
      const after = this.#least[i + 1].fill(Infinity);
      const rests = after.length;
      const [value, weight, k] = [x[i], w[i], this.#stepBits(i)];
      for (let from = 0; from < levels.length; from += rests) {
        for (let rest = 0, state = from; rest < rests; rest++, state++) {
          const cost = costOf(before[state >> k], value, weight, levels[state]);
          if (cost < after[rest]) after[rest] = cost;
        }
      }
    }
  }

  /** State of value i − 1 on the best path to a rest before value i. */
  #stateBefore(x: Float32Array, w: Float32Array, i: number, rest: number): number {
    const [before, after, k] = [this.#least[i - 1], this.#least[i], this.#stepBits(i - 1)];
    const { levels } = this.#trellis;
    const last = levels.length - after.length;
    let state = rest;
    while (state < last && costOf(before[state >> k], x[i - 1], w[i - 1], levels[state]) !== after[rest])
      state += after.length;
    return state;
  }

  /** Writes the states of values `to` − 1 and later on the path that ends with `state`. @returns the first of them */
  #trace(x: Float32Array, w: Float32Array, states: Uint16Array, state: number, to: number): number {
    states[x.length - 1] = state;
    for (let i = x.length - 1; i >= to; i--) {
      state = this.#stateBefore(x, w, i, state >> this.#stepBits(i));
      states[i - 1] = state;
    }
    return state;
  }
}

function costOf(before: number, value: number, weight: number, level: number): number {
  const difference = Math.fround(value - level);
  return Math.fround(before + Math.fround(Math.fround(weight * difference) * difference));
}
