import type { TensorFormat } from '../types.ts';
import { type VectorCode, vectorTensor } from './vector-tensor.ts';

/**
 * Points of the lattice E8, moved by ¼: 8 values in 16 bits.
 *   bits 0 … 7  which of 256 patterns of magnitudes, odd halves with Σ ≤ 12 of squares
 *   bits 8 … 14 signs of values 0 … 6 (1 is negative); that of value 7 follows: the sum of all must be even
 *   bit  15     + or − the shift on all
 * Which 29 of the 56 patterns with five 1.5 are in does not matter: the first in lexicographic order and QuIP#'s own give
 * 0.0914 on a unit Gaussian, and so does the best of all 795 patterns up to Σ = 14, chosen by what each saves. What
 * matters is where the points lie: outer cells reach far beyond the lattice's.
 * @see Tseng et al., "QuIP#", ICML 2024, section 4.2
 */
const SIZE = 8;
const PATTERNS = 256;
const LARGEST_NORM = 12;
const HALVES = [0.5, 1.5, 2.5];

const patterns = magnitudePatterns();
/** [256] whether an odd number of signs makes the sum even. */
const needsOdd = patterns.map((pattern) => pattern.reduce((sum, m) => sum + m, 0) % 2 !== 0);

function magnitudePatterns(): number[][] {
  const found: number[][] = [];
  const extend = (pattern: number[], norm: number): void => {
    if (pattern.length === SIZE) found.push(pattern);
    else
      for (const m of HALVES)
        if (norm + m * m + (SIZE - 1 - pattern.length) / 4 <= LARGEST_NORM) extend([...pattern, m], norm + m * m);
  };
  extend([], 0);
  const normOf = (pattern: number[]) => pattern.reduce((sum, m) => sum + m * m, 0);
  const inner = found.filter((pattern) => normOf(pattern) < LARGEST_NORM);
  const outer = found.filter((pattern) => normOf(pattern) === LARGEST_NORM && !pattern.includes(2.5));
  return [...inner, ...outer].slice(0, PATTERNS);
}

/** Where the points of a pattern lie: what stands for 0.5, 1.5 and 2.5, and for the shift of ¼. */
type Placement = readonly [number, number, number, number];

const ON_LATTICE: Placement = [0.5, 1.5, 2.5, 0.25];

/**
 * The mean of what a unit Gaussian puts into the cells of each kind of pattern: how many 1.5 and 2.5 are in it. Lloyd's
 * algorithm on 250 000 draws a round, 13 rounds, from the lattice; it takes the error from 0.0914 to 0.0887.
 */
const CELL_MEANS: Readonly<Record<string, Placement>> = {
  '0,0': [0.3974, 0, 0, 0.2004],
  '1,0': [0.4036, 1.2193, 0, 0.2053],
  '2,0': [0.4261, 1.2885, 0, 0.2156],
  '3,0': [0.4313, 1.3274, 0, 0.2251],
  '4,0': [0.4766, 1.5066, 0, 0.254],
  '5,0': [0.5285, 1.53, 0, 0.2863],
  '0,1': [0.4733, 0, 2.1928, 0.2131],
  '1,1': [0.5516, 1.5996, 2.5151, 0.2445],
};

function cellMean(pattern: readonly number[]): Placement {
  const count = (half: number) => pattern.filter((m) => m === half).length;
  return CELL_MEANS[`${count(1.5)},${count(2.5)}`];
}

/** The code with its points placed. */
class PaddedE8 implements VectorCode {
  readonly size = SIZE;
  readonly bits = 16;
  /** [256, 8] */
  readonly #magnitudes: Float64Array;
  /** [256] */
  readonly #shifts: Float64Array;
  #signs = 0;

  constructor(placementOf: (pattern: readonly number[]) => Placement) {
    const placements = patterns.map(placementOf);
    this.#magnitudes = Float64Array.from(
      patterns.flatMap((pattern, p) => pattern.map((m) => placements[p][HALVES.indexOf(m)])),
    );
    this.#shifts = Float64Array.from(placements, (placement) => placement[3]);
  }

  /** Exact: every pattern and shift is tried with its best signs. */
  nearest(x: Float64Array, at: number, w: Float64Array): number {
    let best = 0;
    let least = Infinity;
    for (const side of [0, 1]) {
      for (let p = 0; p < PATTERNS; p++) {
        const cost = this.#cost(x, at, w, side === 0 ? this.#shifts[p] : -this.#shifts[p], p);
        if (cost < least) {
          least = cost;
          best = p | ((this.#signs & 127) << 8) | (side << 15);
        }
      }
    }
    return best;
  }

  point(code: number, out: Float64Array, at: number): void {
    const p = code & 255;
    const signs = (code >> 8) & 127;
    const isOdd = (popCount(signs) & 1) === 1;
    const last = isOdd === needsOdd[p] ? 0 : 1;
    const shift = code >> 15 === 0 ? this.#shifts[p] : -this.#shifts[p];
    for (let i = 0; i < SIZE; i++) {
      const magnitude = this.#magnitudes[p * SIZE + i];
      const isNegative = i < 7 ? (signs >> i) & 1 : last;
      out[at + i] = (isNegative ? -magnitude : magnitude) + shift;
    }
  }

  /** Leaves the signs in `#signs`, one of them turned where the parity asks for it: the one that costs least. */
  #cost(x: Float64Array, at: number, w: Float64Array, shift: number, p: number): number {
    let cost = 0;
    let signs = 0;
    let turn = 0;
    let turnCost = Infinity;
    let isOdd = false;
    for (let i = 0; i < SIZE; i++) {
      const value = x[at + i] - shift;
      const magnitude = Math.abs(value);
      const level = this.#magnitudes[p * SIZE + i];
      cost += w[at + i] * (magnitude - level) ** 2;
      if (value < 0) {
        signs |= 1 << i;
        isOdd = !isOdd;
      }
      const extra = 4 * w[at + i] * magnitude * level;
      if (extra < turnCost) {
        turnCost = extra;
        turn = i;
      }
    }
    this.#signs = isOdd === needsOdd[p] ? signs : signs ^ (1 << turn);
    return isOdd === needsOdd[p] ? cost : cost + turnCost;
  }
}

const e8p = new PaddedE8(cellMean);
const e8pLattice = new PaddedE8(() => ON_LATTICE);

function popCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest &= rest - 1) count++;
  return count;
}

/** The 240 shortest vectors of E8, 0, and 15 of the next: 8 values in 8 bits, for residuals of one bit. */
const shortest = shortVectors();

function shortVectors(): Float64Array[] {
  const found: number[][] = [new Array<number>(SIZE).fill(0)];
  for (let a = 0; a < SIZE; a++)
    for (let b = a + 1; b < SIZE; b++)
      for (const [s, t] of [
        [1, 1],
        [1, -1],
        [-1, 1],
        [-1, -1],
      ]) // prettier-ignore
        found.push(Array.from({ length: SIZE }, (_, i) => (i === a ? s : i === b ? t : 0)));
  for (let signs = 0; signs < 256; signs++)
    if (popCount(signs) % 2 === 0) found.push(Array.from({ length: SIZE }, (_, i) => ((signs >> i) & 1 ? -0.5 : 0.5)));
  for (let i = 0; found.length < 256; i++)
    found.push(Array.from({ length: SIZE }, (_, k) => (k === i >> 1 ? (i & 1 ? -2 : 2) : 0)));
  return found.map((vector) => Float64Array.from(vector));
}

const e8Short: VectorCode = {
  size: SIZE,
  bits: 8,
  nearest(x, at, w) {
    let best = 0;
    let least = Infinity;
    shortest.forEach((vector, code) => {
      let cost = 0;
      for (let i = 0; i < SIZE; i++) cost += w[at + i] * (x[at + i] - vector[i]) ** 2;
      if (cost < least) {
        least = cost;
        best = code;
      }
    });
    return best;
  },
  point: (code, out, at) => out.set(shortest[code], at),
};

/** 1 ÷ deviation of the residual, times what the second code is best at. @see QuIP#, section 4.3 */
const RESIDUAL_4BIT = 3.9;
const RESIDUAL_3BIT = 2.15;

export const lattices: readonly TensorFormat[] = [
  vectorTensor('E8P', [{ code: e8p, gain: 1 }]),
  vectorTensor('E8P_LATTICE', [{ code: e8pLattice, gain: 1 }]),
  vectorTensor('E8P_RVQ3', [
    { code: e8p, gain: 1 },
    { code: e8Short, gain: RESIDUAL_3BIT },
  ]),
  vectorTensor('E8P_RVQ4', [
    { code: e8p, gain: 1 },
    { code: e8pLattice, gain: RESIDUAL_4BIT },
  ]),
];
