import { CodeSums, correlate, type Levels } from './correlate.ts';

/** A scale and a minimum with the codes that they give. */
export class Candidate {
  /** Least squares for the codes. */
  scale = 0;
  minimum = 0;
  /** Of scale and minimum under those codes, less Σ w x². */
  error = 0;
  sums = new CodeSums();
}

/** Least squares for a candidate's sums → its scale, minimum and error; the error is Infinity where there is none. */
export type Solve = (candidate: Candidate) => void;

/** What is tried first: [0, count) of both. */
export const starts = { count: 0, scale: new Float64Array(16), minimum: new Float64Array(16) };

let first = new Candidate();
let second = new Candidate();
let next = new Candidate();
let refined = new Candidate();

/** Σ w and Σ w x of the values at hand, where there are minimums. */
export function setTotals(one: number, x: number): void {
  for (const { sums } of [first, second, next, refined]) {
    sums.one = one;
    sums.x = x;
  }
}

/**
 * The best candidate that `starts` lead to: each is tried, then the two best take the codes of their least squares. Going
 * on so with more of them, or for longer, lowers the error by 0.1 to 0.3 %. It stays as it is until the next call.
 */
export function contend(
  levels: Levels,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  solve: Solve,
): Candidate {
  first.error = Infinity;
  second.error = Infinity;
  for (let k = 0; k < starts.count; k++) {
    if (starts.scale[k] === 0) continue;
    correlate(levels, x, w, from, n, starts.scale[k], starts.minimum[k], next.sums);
    solve(next);
    if (next.error < first.error) [first, second, next] = [next, first, second];
    else if (next.error < second.error) [second, next] = [next, second];
  }
  let best = first;
  for (const start of [first, second]) {
    if (start.error === Infinity || start.scale === 0) continue;
    correlate(levels, x, w, from, n, start.scale, start.minimum, next.sums);
    solve(next);
    if (!(next.error < best.error)) continue;
    [refined, next] = [next, refined];
    best = refined;
  }
  return best;
}
