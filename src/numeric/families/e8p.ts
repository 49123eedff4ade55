import type { TensorFormat } from '../types.ts';
import { type VectorCode, vectorTensor } from './vector-tensor.ts';

/**
 * Points of the lattice E8, moved by ¼: 8 values in 16 bits.
 *   bits 0 … 7  which of 256 patterns of magnitudes, odd halves with Σ ≤ 12 of squares
 *   bits 8 … 14 signs of values 0 … 6 (1 is negative); that of value 7 follows: the sum of all must be even
 *   bit  15     +¼ or −¼ on all
 * @see Tseng et al., "QuIP#", ICML 2024, section 4.2. Of the 56 patterns with
 * five 1.5, the first 29 in lexicographic order are in; with 2.5 in them instead the error is 1 % larger.
 */
const SIZE = 8;
const PATTERNS = 256;
const LARGEST_NORM = 12;

const patterns = magnitudePatterns();
/** [256] whether an odd number of signs makes the sum even. */
const needsOdd = patterns.map((pattern) => pattern.reduce((sum, m) => sum + m, 0) % 2 !== 0);

function magnitudePatterns(): number[][] {
  const found: number[][] = [];
  const extend = (pattern: number[], norm: number): void => {
    if (pattern.length === SIZE) found.push(pattern);
    else
      for (const m of [0.5, 1.5, 2.5])
        if (norm + m * m + (SIZE - 1 - pattern.length) / 4 <= LARGEST_NORM) extend([...pattern, m], norm + m * m);
  };
  extend([], 0);
  const normOf = (pattern: number[]) => pattern.reduce((sum, m) => sum + m * m, 0);
  const inner = found.filter((pattern) => normOf(pattern) < LARGEST_NORM);
  const outer = found.filter((pattern) => normOf(pattern) === LARGEST_NORM && !pattern.includes(2.5));
  return [...inner, ...outer].slice(0, PATTERNS);
}

const e8p: VectorCode = {
  size: SIZE,
  bits: 16,
  nearest(x, at, w) {
    let best = 0;
    let least = Infinity;
    for (const shift of [0, 1]) {
      const offset = shift === 0 ? 0.25 : -0.25;
      for (let p = 0; p < PATTERNS; p++) {
        const { cost, signs } = signsFor(x, at, w, offset, p);
        if (cost < least) {
          least = cost;
          best = p | ((signs & 127) << 8) | (shift << 15);
        }
      }
    }
    return best;
  },
  point(code, out, at) {
    const pattern = patterns[code & 255];
    const signs = (code >> 8) & 127;
    const isOdd = (popCount(signs) & 1) === 1;
    const last = isOdd === needsOdd[code & 255] ? 0 : 1;
    const offset = code >> 15 === 0 ? 0.25 : -0.25;
    for (let i = 0; i < SIZE; i++) {
      const isNegative = i < 7 ? (signs >> i) & 1 : last;
      out[at + i] = (isNegative ? -pattern[i] : pattern[i]) + offset;
    }
  },
};

const choice = { cost: 0, signs: 0 };

/** Signs of the values, one of them turned where the parity asks for it: the one that costs least. */
function signsFor(x: Float64Array, at: number, w: Float64Array, offset: number, p: number): typeof choice {
  const pattern = patterns[p];
  let cost = 0;
  let signs = 0;
  let turn = 0;
  let turnCost = Infinity;
  for (let i = 0; i < SIZE; i++) {
    const value = x[at + i] - offset;
    const magnitude = Math.abs(value);
    cost += w[at + i] * (magnitude - pattern[i]) ** 2;
    if (value < 0) signs |= 1 << i;
    const extra = 4 * w[at + i] * magnitude * pattern[i];
    if (extra < turnCost) {
      turnCost = extra;
      turn = i;
    }
  }
  const isOdd = (popCount(signs) & 1) === 1;
  choice.cost = isOdd === needsOdd[p] ? cost : cost + turnCost;
  choice.signs = isOdd === needsOdd[p] ? signs : signs ^ (1 << turn);
  return choice;
}

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
const RESIDUAL_4BIT = 3.6;
const RESIDUAL_3BIT = 2.04;

export const lattices: readonly TensorFormat[] = [
  vectorTensor('E8P', [{ code: e8p, gain: 1 }]),
  vectorTensor('E8P_RVQ3', [
    { code: e8p, gain: 1 },
    { code: e8Short, gain: RESIDUAL_3BIT },
  ]),
  vectorTensor('E8P_RVQ4', [
    { code: e8p, gain: 1 },
    { code: e8p, gain: RESIDUAL_4BIT },
  ]),
];
