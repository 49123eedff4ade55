/**
 * Scale and minimum search of grids value = scale·code + minimum, code = 0 … maximum. For given codes the error is
 * quadratic in (scale, minimum); five sums per sub-block say everything. As for symmetric grids the search tries several
 * starts, keeps the best and alternates.
 */

/** Σ w, Σ w x and, for the codes chosen last, Σ w q, Σ w q², Σ w x q. */
export const W = 0;
export const WX = 1;
export const WQ = 2;
export const WQQ = 3;
export const WXQ = 4;
export const SUMS = 5;

/** Fills WQ, WQQ, WXQ of `sums` at `at` with codes nearest to (x − minimum)·inverse. */
export function correlateAffine(
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  maximum: number,
  inverse: number,
  minimum: number,
  sums: Float64Array,
  at: number,
): void {
  const shift = 0.5 - minimum * inverse;
  let sumQ = 0;
  let sumQQ = 0;
  let sumXQ = 0;
  for (let i = from; i < from + n; i++) {
    let position = x[i] * inverse + shift;
    position = position > 0 ? position : 0;
    const code = position < maximum ? position | 0 : maximum;
    const wq = w[i] * code;
    sumQ += wq;
    sumQQ += wq * code;
    sumXQ += wq * x[i];
  }
  sums[at + WQ] = sumQ;
  sums[at + WQQ] = sumQQ;
  sums[at + WXQ] = sumXQ;
}

/** Σ w (s·q + m − x)² − Σ w x² at the codes of the sums. */
export function affineError(sums: Float64Array, at: number, s: number, m: number): number {
  return (
    s * (s * sums[at + WQQ] + 2 * m * sums[at + WQ] - 2 * sums[at + WXQ]) + m * (m * sums[at + W] - 2 * sums[at + WX])
  );
}

export interface AffineSearch {
  /** Largest code. */
  readonly maximum: number;
  /** Starting ranges: the block's range is spread over `maximum + start` steps. */
  readonly starts: Float64Array;
  readonly rounds: number;
  /** Whether the minimum may be above 0; K types store −minimum without a sign. */
  readonly anySign: boolean;
}

/** Result of `solveAffine` and `searchAffine`: scale, minimum. */
export const solution = new Float64Array(2);

/** Least squares (scale, minimum) for the codes of the sums → `solution`. Returns the error less Σ w x². */
export function solveAffine(sums: Float64Array, at: number, anySign: boolean): number {
  const determinant = sums[at + W] * sums[at + WQQ] - sums[at + WQ] * sums[at + WQ];
  let s = 0;
  let m = 0;
  if (determinant > 1e-12 * sums[at + W] * sums[at + WQQ]) {
    s = (sums[at + W] * sums[at + WXQ] - sums[at + WX] * sums[at + WQ]) / determinant;
    m = (sums[at + WQQ] * sums[at + WX] - sums[at + WQ] * sums[at + WXQ]) / determinant;
  }
  if (s <= 0 || (m > 0 && !anySign)) {
    // on the edge of what can be stored
    m = 0;
    s = sums[at + WQQ] > 0 ? Math.max(sums[at + WXQ] / sums[at + WQQ], 0) : 0;
  }
  solution[0] = s;
  solution[1] = m;
  return affineError(sums, at, s, m);
}

const trial = new Float64Array(SUMS);

/** The (scale, minimum) with the least error → `solution`; sums at the result → `sums` at `at`. */
export function searchAffine(
  search: AffineSearch,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  sums: Float64Array,
  at: number,
): void {
  const { maximum, starts, rounds, anySign } = search;
  let low = anySign ? Infinity : 0;
  let high = -Infinity;
  let sumW = 0;
  let sumWX = 0;
  for (let i = from; i < from + n; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
    sumW += w[i];
    sumWX += w[i] * x[i];
  }
  sums.fill(0, at, at + SUMS);
  sums[at + W] = trial[W] = sumW;
  sums[at + WX] = trial[WX] = sumWX;
  if (high <= low) {
    solution[0] = 0;
    solution[1] = low;
    return;
  }
  let bestError = Infinity;
  let bestScale = 0;
  let bestMinimum = low;
  for (let k = 0; k < starts.length + rounds; k++) {
    const isStart = k < starts.length;
    const inverse = isStart ? (maximum + starts[k]) / (high - low) : 1 / bestScale;
    correlateAffine(x, w, from, n, maximum, inverse, isStart ? low : bestMinimum, trial, 0);
    const error = solveAffine(trial, 0, anySign);
    if (error < bestError && solution[0] > 0) {
      bestError = error;
      bestScale = solution[0];
      bestMinimum = solution[1];
      for (let s = WQ; s < SUMS; s++) sums[at + s] = trial[s];
    } else if (!isStart) break;
    if (!isStart && bestScale === 0) break;
  }
  solution[0] = bestScale;
  solution[1] = bestMinimum;
}
