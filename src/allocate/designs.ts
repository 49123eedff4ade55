import { UsageError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/** Ways to spread points over the unit cube. */
export type Design = 'random' | 'sobol' | 'scrambled' | 'lattice';

/**
 * `count` points in [0, 1)^dimensions.
 * - `random`: independent and uniform.
 * - `sobol`: digital net, every stretch of 2^k points spread evenly in every coordinate.
 * - `scrambled`: the same under a random nested permutation of digits, so that averages have an error estimate.
 * - `lattice`: rank-1 lattice with the best of some Korobov generators, randomly shifted.
 *
 * @see Sobol 1967; Owen, "Randomly permuted (t,m,s)-nets" 1995; Korobov 1959
 */
export function design(kind: Design, count: number, dimensions: number, random: Random): Float64Array[] {
  switch (kind) {
    case 'random':
      return points(count, dimensions, () => random.uniform());
    case 'lattice':
      return lattice(count, dimensions, random);
    default:
      return sobol(count, dimensions, kind === 'scrambled' ? random : undefined);
  }
}

function points(
  count: number,
  dimensions: number,
  value: (point: number, dimension: number) => number,
): Float64Array[] {
  return Array.from({ length: count }, (_, i) => Float64Array.from({ length: dimensions }, (_, d) => value(i, d)));
}

/** Generators tried per lattice. */
const GENERATORS = 16;

function lattice(count: number, dimensions: number, random: Random): Float64Array[] {
  const candidates = Array.from({ length: GENERATORS }, () => korobov(1 + random.integer(count), count, dimensions));
  const merits = candidates.map((vector) => worstError(vector, count));
  const best = candidates[merits.indexOf(Math.min(...merits))];
  const shift = Float64Array.from({ length: dimensions }, () => random.uniform());
  return points(count, dimensions, (i, d) => (((i * best[d]) % count) / count + shift[d]) % 1);
}

/** [1, a, a², …] modulo `count` */
function korobov(generator: number, count: number, dimensions: number): number[] {
  const vector: number[] = [];
  for (let d = 0, power = 1; d < dimensions; d++, power = (power * generator) % count) vector.push(power);
  return vector;
}

/** Squared worst-case error over periodic functions with square-integrable mixed derivatives, weights 1 / (d + 1)². */
function worstError(vector: readonly number[], count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let product = 1;
    for (let d = 0; d < vector.length; d++) {
      const x = ((i * vector[d]) % count) / count;
      product *= 1 + (2 * Math.PI ** 2 * (x * x - x + 1 / 6)) / (d + 1) ** 2;
    }
    sum += product;
  }
  return sum / count - 1;
}

const BITS = 32;

function sobol(count: number, dimensions: number, scramble: Random | undefined): Float64Array[] {
  const directions = directionNumbers(dimensions);
  const seeds = Array.from({ length: dimensions }, () => scramble?.uint32());
  const state = new Uint32Array(dimensions);
  return Array.from({ length: count }, (_, i) => {
    // Gray code: from one point to the next a single direction number changes.
    if (i > 0) for (let d = 0; d < dimensions; d++) state[d] ^= directions[d][trailingZeros(i)];
    return Float64Array.from(state, (x, d) => (seeds[d] === undefined ? x : owen(x, seeds[d])) / 2 ** BITS);
  });
}

function trailingZeros(i: number): number {
  return 31 - Math.clz32(i & -i);
}

/** Each digit is flipped or not by a hash of the digits before it. @see Burley, "Practical hash-based Owen scrambling" 2020 */
function owen(x: number, seed: number): number {
  let v = reverseBits(x);
  v = (v + seed) >>> 0;
  v ^= Math.imul(v, 0x6c50b47c);
  v ^= Math.imul(v, 0xb82f1e52);
  v ^= Math.imul(v, 0xc7afe638);
  v ^= Math.imul(v, 0x8d22f6e6);
  return reverseBits(v >>> 0);
}

function reverseBits(x: number): number {
  let reversed = 0;
  for (let bit = 0; bit < BITS; bit++) reversed = (reversed << 1) | ((x >>> bit) & 1);
  return reversed >>> 0;
}

/** Highest degree of the polynomials: enough for 1,500 dimensions. */
const MOST_DEGREE = 14;

/**
 * Direction numbers from primitive polynomials in order of degree, with the first ones of each dimension drawn once
 * from a fixed sequence: odd, and below 2^k.
 * @see Bratley and Fox, "Algorithm 659", ACM TOMS 14 (1988)
 */
function directionNumbers(dimensions: number): Uint32Array[] {
  const numbers = [Uint32Array.from({ length: BITS }, (_, k) => 2 ** (BITS - 1 - k))];
  let drawn = 1;
  for (let degree = 1; degree <= MOST_DEGREE && numbers.length < dimensions; degree++)
    for (let inner = 0; inner < 2 ** (degree - 1) && numbers.length < dimensions; inner++) {
      if (!isPrimitive(degree, inner)) continue;
      const v = new Uint32Array(BITS);
      for (let k = 0; k < degree; k++) {
        drawn = (Math.imul(drawn, 1664525) + 1013904223) >>> 0;
        const odd = ((drawn >>> 8) % 2 ** k) * 2 + 1;
        v[k] = odd * 2 ** (BITS - 1 - k);
      }
      for (let k = degree; k < BITS; k++) {
        v[k] = v[k - degree] ^ (v[k - degree] >>> degree);
        for (let j = 1; j < degree; j++) if ((inner >>> (degree - 1 - j)) & 1) v[k] ^= v[k - j];
      }
      numbers.push(v);
    }
  if (numbers.length < dimensions)
    throw new UsageError(`sobol: ${dimensions} dimensions, expected at most ${numbers.length}; use a lattice`);
  return numbers.slice(0, dimensions);
}

/** Whether x^degree + inner·x + 1 generates every nonzero polynomial of lower degree. */
function isPrimitive(degree: number, inner: number): boolean {
  const polynomial = 2 ** degree + inner * 2 + 1;
  const order = 2 ** degree - 1;
  let x = 1;
  for (let power = 1; power <= order; power++) {
    x <<= 1;
    if (x >= 2 ** degree) x ^= polynomial;
    if (x === 1) return power === order;
  }
  return false;
}
