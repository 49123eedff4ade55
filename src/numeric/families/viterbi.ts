/**
 * The shortest path through a shift-register trellis: state' = (state·2^k + b) mod 2^L, b the k new bits of a value. The
 * 2^k states that lead to one state differ in their oldest bits only, so a step is one minimum over them for every
 * 2^(L − k) remainders, and one error for every state.
 * @see Viterbi, "Error Bounds for Convolutional Codes", 1967; Tseng et al., "QTIP", 2024, algorithm 4 (tail-biting)
 */
export class Viterbi {
  readonly #bits: number;
  readonly #pattern: readonly number[];
  readonly #levels: Float32Array;
  #cost: Float32Array;
  #next: Float32Array;
  readonly #least: Float32Array;

  /**
   * @param bits L
   * @param pattern k of each value, repeating
   * @param levels [2^L]
   */
  constructor(bits: number, pattern: readonly number[], levels: Float32Array) {
    this.#bits = bits;
    this.#pattern = pattern;
    this.#levels = levels;
    this.#cost = new Float32Array(levels.length);
    this.#next = new Float32Array(levels.length);
    this.#least = new Float32Array(levels.length);
  }

  /**
   * Writes the circular bit stream whose levels are near to x: a free path of x turned by half its length gives the state
   * at the seam, and the path that starts and ends there is the code.
   * @param x a multiple of twice the pattern's length
   * @param w positive
   * @param bytes out, zeros
   */
  encode(x: Float64Array, w: Float64Array, bytes: Uint8Array): void {
    const half = x.length / 2;
    const turn = (values: Float64Array) => Float64Array.of(...values.subarray(half), ...values.subarray(0, half));
    const seam = this.#path(turn(x), turn(w))[half - 1];
    const states = this.#path(x, w, seam);
    let at = 0;
    states.forEach((state, i) => {
      const k = this.#pattern[i % this.#pattern.length];
      for (let bit = k - 1; bit >= 0; bit--, at++) bytes[at >> 3] |= ((state >>> bit) & 1) << (at & 7);
    });
  }

  /** Levels of the states of a circular bit stream. */
  levelsOf(bytes: Uint8Array, values: Float32Array): void {
    const length = 8 * bytes.length;
    const mask = 2 ** this.#bits - 1;
    let state = 0;
    for (let at = length - this.#bits; at < length; at++) state = 2 * state + ((bytes[at >> 3] >> (at & 7)) & 1);
    for (let i = 0, at = 0; i < values.length; i++) {
      for (let k = this.#pattern[i % this.#pattern.length]; k > 0; k--, at++)
        state = ((state << 1) | ((bytes[at >> 3] >> (at & 7)) & 1)) & mask;
      values[i] = this.#levels[state];
    }
  }

  /** States of the best path. @param seam state before the first and at the last value, default any */
  #path(x: Float64Array, w: Float64Array, seam?: number): Uint32Array {
    this.#cost.fill(seam === undefined ? 0 : Infinity);
    if (seam !== undefined) this.#cost[seam] = 0;
    const oldest = Array.from(x, (value, i) => this.#step(value, w[i], this.#pattern[i % this.#pattern.length]));
    const states = new Uint32Array(x.length);
    let state = seam ?? this.#cost.indexOf(this.#cost.reduce((least, cost) => Math.min(least, cost)));
    for (let i = x.length - 1; i >= 0; i--) {
      states[i] = state;
      const k = this.#pattern[i % this.#pattern.length];
      const rest = state >>> k;
      state = rest | (oldest[i][rest] << (this.#bits - k));
    }
    return states;
  }

  /** Extends all paths by a value. @returns [2^(L − k)] the oldest bits of the best state before each remainder */
  #step(x: number, w: number, k: number): Uint8Array {
    const branches = 1 << k;
    const rests = this.#levels.length >>> k;
    const oldest = new Uint8Array(rests);
    const cost = this.#cost;
    const least = this.#least;
    for (let rest = 0; rest < rests; rest++) least[rest] = cost[rest];
    for (let old = 1; old < branches; old++) {
      const from = old * rests;
      for (let rest = 0; rest < rests; rest++) {
        const candidate = cost[from + rest];
        if (candidate < least[rest]) {
          least[rest] = candidate;
          oldest[rest] = old;
        }
      }
    }
    const next = this.#next;
    const levels = this.#levels;
    for (let rest = 0, state = 0; rest < rests; rest++) {
      const before = least[rest];
      for (let b = 0; b < branches; b++, state++) {
        const difference = x - levels[state];
        next[state] = before + w * difference * difference;
      }
    }
    this.#cost = next;
    this.#next = cost;
    return oldest;
  }
}
