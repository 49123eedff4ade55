import { type PatternClass, POINT_SIZE, type SignedPatterns } from '../../patterns.ts';

const MOST_LEVELS = 3;
/** Cost of each level for each value of a group, and what its wrong sign adds. [8, 3] */
const costs = new Float32Array(POINT_SIZE * MOST_LEVELS);
const extras = new Float32Array(POINT_SIZE * MOST_LEVELS);

/**
 * Code of the point with the least Σ w (x − point)²: every pattern on either side is tried with its best signs, one of which
 * is turned where the parity asks for it, the one that costs least. Float32, rounded after every operation.
 * @param x, w values of a group and their weights, from `at` on
 */
export function nearestPattern(patterns: SignedPatterns, x: Float32Array, at: number, w: Float32Array): number {
  let least = Infinity;
  let best = 0;
  let bestClass = patterns.classes[0];
  for (const side of [0, 1]) {
    for (const one of patterns.classes) {
      const isWrong = weigh(one, side, x, at, w);
      for (let p = 0; p < one.places.length / POINT_SIZE; p++) {
        const cost = costOf(one.places, p * POINT_SIZE, isWrong);
        if (!(cost < least)) continue;
        least = cost;
        best = (one.first + p) | (side << 15);
        bestClass = one;
      }
    }
  }
  return best | ((signsOf(bestClass, best, x, at, w) & 127) << 8);
}

function shiftOf({ shift }: PatternClass, side: number): number {
  return side === 0 ? shift : -shift;
}

/** Fills costs and extras. @returns whether the parity of signs is not the class's */
function weigh(one: PatternClass, side: number, x: Float32Array, at: number, w: Float32Array): boolean {
  const shift = shiftOf(one, side);
  let isOdd = false;
  for (let i = 0; i < POINT_SIZE; i++) {
    const value = Math.fround(x[at + i] - shift);
    const magnitude = Math.abs(value);
    const weight = w[at + i];
    const extra = Math.fround(4 * weight * magnitude);
    if (value < 0) isOdd = !isOdd;
    for (let l = 0; l < one.levels.length; l++) {
      const difference = Math.fround(magnitude - one.levels[l]);
      costs[i * MOST_LEVELS + l] = Math.fround(weight * difference) * difference;
      extras[i * MOST_LEVELS + l] = extra * one.levels[l];
    }
  }
  return isOdd !== one.isOdd;
}

/** Cost of the pattern whose places start at `from`; values are added in pairs. */
function costOf(places: Uint8Array, from: number, isWrong: boolean): number {
  const pair = (i: number) =>
    Math.fround(costs[i * MOST_LEVELS + places[from + i]] + costs[(i + 1) * MOST_LEVELS + places[from + i + 1]]);
  const cost = Math.fround(Math.fround(pair(0) + pair(2)) + Math.fround(pair(4) + pair(6)));
  if (!isWrong) return cost;
  let turn = Infinity;
  for (let i = 0; i < POINT_SIZE; i++) turn = Math.min(turn, extras[i * MOST_LEVELS + places[from + i]]);
  return Math.fround(cost + turn);
}

/** Signs of the values less the shift, that of the cheapest turned where the parity is wrong. */
function signsOf(one: PatternClass, code: number, x: Float32Array, at: number, w: Float32Array): number {
  const side = code >> 15;
  const isWrong = weigh(one, side, x, at, w);
  const places = ((code & 255) - one.first) * POINT_SIZE;
  let signs = 0;
  let turn = 0;
  let least = Infinity;
  for (let i = 0; i < POINT_SIZE; i++) {
    if (Math.fround(x[at + i] - shiftOf(one, side)) < 0) signs |= 1 << i;
    const extra = extras[i * MOST_LEVELS + one.places[places + i]];
    if (!(extra < least)) continue;
    least = extra;
    turn = i;
  }
  return isWrong ? signs ^ (1 << turn) : signs;
}
