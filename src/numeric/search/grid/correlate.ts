import { nearestTable, TABLE_SIZE } from '../../levels.ts';

/**
 * What a scale search needs to know of codes: for given codes q the error Σ w (scale·q + offset − x)² is quadratic in
 * (scale, offset), so a few sums say everything about it.
 */
export class CodeSums {
  /** Σ w */
  one = 0;
  /** Σ w x */
  x = 0;
  /** Σ w q */
  q = 0;
  /** Σ w q² */
  qq = 0;
  /** Σ w x q */
  xq = 0;

  /** Takes over the sums that depend on codes. */
  takeCodes(other: CodeSums): void {
    this.q = other.q;
    this.qq = other.qq;
    this.xq = other.xq;
  }

  /** Error less Σ w x². */
  error(scale: number, offset: number): number {
    return scale * (scale * this.qq + 2 * (offset * this.q - this.xq)) + offset * (offset * this.one - 2 * this.x);
  }
}

/** The levels that codes stand for, as searches look them up: entry ⌊position·perUnit + middle⌋ is the nearest level. */
export interface Levels {
  /** Lowest and highest level. */
  readonly low: number;
  readonly high: number;
  /** Whether levels are all integers low … high. */
  readonly areIntegers: boolean;
  readonly table: Float64Array;
  readonly perUnit: number;
  readonly middle: number;
}

const INTEGERS = 256;

export function searchedLevels(levels: Float32Array): Levels {
  const low = levels[0];
  const high = levels[levels.length - 1];
  if (levels.length === high - low + 1) {
    const clamped = (_: unknown, k: number) => Math.min(Math.max(k - INTEGERS / 2, low), high);
    const table = Float64Array.from({ length: INTEGERS }, clamped);
    return { low, high, areIntegers: true, table, perUnit: 1, middle: (INTEGERS + 1) / 2 };
  }
  const table = Float64Array.from(nearestTable(levels), (code) => levels[code]);
  return { low, high, areIntegers: false, table, perUnit: 2, middle: TABLE_SIZE / 2 };
}

/**
 * Fills q, qq and xq of `sums`, with q the level nearest to (x − offset)/scale, for elements [from, from + n).
 * The searches spend nearly all their time here: a table costs 1.6 times less than clamping, whose branches go either way.
 */
export function correlate(
  { table, perUnit, middle }: Levels,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  scale: number,
  offset: number,
  sums: CodeSums,
): void {
  const steps = perUnit / scale;
  const zero = middle - offset * steps;
  const last = table.length - 1;
  const end = from + n;
  let sumQ = 0;
  let sumQQ = 0;
  let sumXQ = 0;
  for (let i = from; i < end; i++) {
    const value = x[i];
    const place = value * steps + zero;
    // NaN, from 0·Inf, fails both comparisons
    const q = table[place > 0 ? (place < last ? place | 0 : last) : 0];
    const wq = w[i] * q;
    sumQ += wq;
    sumQQ += wq * q;
    sumXQ += wq * value;
  }
  sums.q = sumQ;
  sums.qq = sumQQ;
  sums.xq = sumXQ;
}
