import { integerLevels } from '../levels.ts';
import { CodeSums, correlate, levelTable } from './correlate.ts';

/** Scale and minimum search of grids value = scale·code + minimum, code = 0 … maximum. */
export interface AffineSearch {
  /** Largest code. */
  readonly maximum: number;
  /** `levelTable` of the codes */
  readonly table: Float64Array;
  /**
   * Pairs: how many steps of the grid are cut off below the smallest and above the largest x (negative: left over).
   * Found by greedy choice on model weights: each next pair lowers the mean error most.
   */
  readonly starts: Float64Array;
  /** Whether the minimum may be above 0; K types store −minimum without a sign. */
  readonly anySign: boolean;
}

// biome-ignore format: pairs
const STARTS: Record<number, readonly number[]> = {
  3: [0.4, 0.4, 0.8, 0, 0, 0.8, 2, 0.4, 1.2, 2, 0, 0, 0, 1.6],
  15: [0, 0.4, 0.4, 0, 0, -0.8, 1.2, 0, -0.8, -0.8, 0.4, 1.2, 0, 0, 1.2, 0.8, -0.8, 0, 0.8, 2.4],
  31: [0, 0, 0, -0.8, 0, 0.8, -0.8, -0.8, 0.4, 0, -0.8, 0, 0.8, 0.8, -0.8, -1.2, -1.2, -0.8, 1.2, 0],
};

/** @param maximum 3, 15 or 31 */
export function affineSearch(maximum: number, anySign: boolean): AffineSearch {
  return {
    maximum,
    table: levelTable(integerLevels(0, maximum)),
    starts: Float64Array.from(STARTS[maximum]),
    anySign,
  };
}

/** Results of `searchAffine`: scale, minimum. */
export const solution = new Float64Array(2);

/** Least squares (scale, minimum) for the codes of the sums → `solution`. Returns the error less Σ w x². */
function solve(sums: CodeSums, anySign: boolean): number {
  const { one, x, q, qq, xq } = sums;
  const determinant = one * qq - q * q;
  let scale = 0;
  let minimum = 0;
  if (determinant > 1e-12 * one * qq) {
    scale = (one * xq - x * q) / determinant;
    minimum = (qq * x - q * xq) / determinant;
  }
  if (scale <= 0 || (minimum > 0 && !anySign)) {
    // on the edge of what can be stored
    minimum = 0;
    scale = qq > 0 && xq > 0 ? xq / qq : 0;
  }
  solution[0] = scale;
  solution[1] = minimum;
  return sums.error(scale, minimum);
}

const trial = new CodeSums();

/** Alternation stops when the error falls by less than this part of Σ w x²: far below the error of any format. */
const LEAST_GAIN = 1e-7;

/**
 * The (scale, minimum) with the least error, not rounded → `solution`. From each start that beats the best so far, codes
 * and least squares alternate until nothing improves.
 * @param sums out: at the result
 */
export function searchAffine(
  search: AffineSearch,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  sums: CodeSums,
): void {
  const { maximum, table, starts, anySign } = search;
  let low = anySign ? x[from] : 0;
  let high = x[from];
  let sumW = 0;
  let sumWX = 0;
  for (let i = from; i < from + n; i++) {
    const value = x[i];
    if (value < low) low = value;
    if (value > high) high = value;
    sumW += w[i];
    sumWX += w[i] * value;
  }
  sums.q = sums.qq = sums.xq = 0;
  sums.one = trial.one = sumW;
  sums.x = trial.x = sumWX;
  let bestScale = 0;
  let bestMinimum = low;
  let least = high > low ? Infinity : -Infinity;
  for (let k = 0; k < starts.length; k += 2) {
    let scale = (high - low) / (maximum + starts[k] + starts[k + 1]);
    let minimum = low + starts[k] * scale;
    for (;;) {
      if (!(scale > 0)) break;
      correlate(table, x, w, from, n, scale, minimum, trial);
      const error = solve(trial, anySign);
      if (error >= least - LEAST_GAIN * Math.abs(least)) break;
      least = error;
      scale = bestScale = solution[0];
      minimum = bestMinimum = solution[1];
      sums.takeCodes(trial);
    }
  }
  solution[0] = bestScale;
  solution[1] = bestMinimum;
}
