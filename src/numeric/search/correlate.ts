import { nearestTable, TABLE_SIZE } from '../levels.ts';

/**
 * What a scale search needs to know of codes: for given codes q the error Σ w (scale·q + offset − x)² is quadratic in
 * (scale, offset), so a few sums say everything about it. Their places in the arrays called `sums`:
 */
/** Σ w q */
export const Q = 0;
/** Σ w q² */
export const QQ = 1;
/** Σ w x q */
export const XQ = 2;
/** Σ w */
export const ONE = 3;
/** Σ w x */
export const X = 4;
/** Sums per sub-block. */
export const SUMS = 5;

/** [512] the level itself of each entry of `nearestTable`. */
export function levelTable(levels: Float32Array): Float64Array {
  return Float64Array.from(nearestTable(levels), (code) => levels[code]);
}

/**
 * Fills Q, QQ and XQ of `sums` at `at`, with q the level nearest to (x − offset)/scale, for elements [from, from + n).
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
  sums: Float64Array,
  at: number,
): void {
  const halfSteps = 2 / scale;
  const zero = TABLE_SIZE / 2 - offset * halfSteps;
  const end = from + n;
  let sumQ = 0;
  let sumQQ = 0;
  let sumXQ = 0;
  for (let i = from; i < end; i++) {
    const value = x[i];
    let entry = (value * halfSteps + zero) | 0;
    if (entry < 0) entry = 0;
    if (entry >= TABLE_SIZE) entry = TABLE_SIZE - 1;
    const q = table[entry];
    const wq = w[i] * q;
    sumQ += wq;
    sumQQ += wq * q;
    sumXQ += wq * value;
  }
  sums[at + Q] = sumQ;
  sums[at + QQ] = sumQQ;
  sums[at + XQ] = sumXQ;
}
