import { nearestTable } from '../levels.ts';

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

/** [512] the level itself of each entry of `nearestTable`. */
export function levelTable(levels: Float32Array): Float64Array {
  return Float64Array.from(nearestTable(levels), (code) => levels[code]);
}

/**
 * Fills q, qq and xq of `sums`, with q the level nearest to (x − offset)/scale, for elements [from, from + n).
 * The searches spend nearly all their time here: 32-bit integers and a table cost 1.6 times less than clamping doubles.
 * A position beyond ±2^31 wraps around: it takes a wrong level, which is then seen as a large error.
 */
export function correlate(
  table: Float64Array,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  scale: number,
  offset: number,
  sums: CodeSums,
): void {
  const halfSteps = 2 / scale;
  const last = table.length - 1;
  const zero = table.length / 2 - offset * halfSteps;
  const end = from + n;
  let sumQ = 0;
  let sumQQ = 0;
  let sumXQ = 0;
  for (let i = from; i < end; i++) {
    const value = x[i];
    let entry = (value * halfSteps + zero) | 0;
    if (entry < 0) entry = 0;
    if (entry > last) entry = last;
    const q = table[entry];
    const wq = w[i] * q;
    sumQ += wq;
    sumQQ += wq * q;
    sumXQ += wq * value;
  }
  sums.q = sumQ;
  sums.qq = sumQQ;
  sums.xq = sumXQ;
}
