import { integerLevels } from '../../levels.ts';
import { type Candidate, contend, setTotals, starts } from './contend.ts';
import { CodeSums, searchedLevels } from './correlate.ts';
import type { AffineSearch, BlockAffine, FoundScales } from './types.ts';

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
    levels: searchedLevels(integerLevels(0, maximum)),
    starts: Float64Array.from(STARTS[maximum]),
    anySign,
  };
}

/** Results of `searchAffine`: scale, minimum. */
export const solution = new Float64Array(2);

const solveAnySign = (candidate: Candidate): void => solve(candidate, true);
const solveNegative = (candidate: Candidate): void => solve(candidate, false);

function solve(candidate: Candidate, anySign: boolean): void {
  const { one, x, q, qq, xq } = candidate.sums;
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
  candidate.scale = scale;
  candidate.minimum = minimum;
  candidate.error = candidate.sums.error(scale, minimum);
}

/**
 * The (scale, minimum) with the least error, not rounded → `solution`.
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
  let low = search.anySign ? x[from] : 0;
  let high = x[from];
  let [evenW, oddW, evenWX, oddWX] = [0, 0, 0, 0]; // elements of even and odd index apart: lanes of a vector
  for (let i = from; i < from + n; i += 2) {
    low = Math.min(low, x[i], x[i + 1]);
    high = Math.max(high, x[i], x[i + 1]);
    evenW += w[i];
    oddW += w[i + 1];
    evenWX += w[i] * x[i];
    oddWX += w[i + 1] * x[i + 1];
  }
  sums.q = sums.qq = sums.xq = 0;
  sums.one = evenW + oddW;
  sums.x = evenWX + oddWX;
  solution[0] = 0;
  solution[1] = low;
  if (low === high) return;
  setTotals(sums.one, sums.x);
  placeStarts(search, low, high);
  const best = contend(search.levels, x, w, from, n, search.anySign ? solveAnySign : solveNegative);
  if (best.error === Infinity) return;
  sums.takeCodes(best.sums);
  solution[0] = best.scale;
  solution[1] = best.minimum;
}

function placeStarts(search: AffineSearch, low: number, high: number): void {
  starts.count = search.starts.length / 2;
  for (let k = 0; k < starts.count; k++) {
    const below = search.starts[2 * k];
    starts.scale[k] = (high - low) / (search.maximum + below + search.starts[2 * k + 1]);
    starts.minimum[k] = low + below * starts.scale[k];
  }
}

const best = new CodeSums();

/** Searches scale and minimum of block i. */
export function findAffine(spec: BlockAffine, x: Float64Array, w: Float64Array, found: FoundScales, i: number): void {
  searchAffine(spec.search, x, w, 0, spec.subBlock, best);
  found.d[i] = solution[0];
  found.minimum[i] = solution[1];
}
