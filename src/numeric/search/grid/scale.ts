import { roundScale } from '../../../core/float16.ts';
import { type Candidate, contend, starts } from './contend.ts';
import { CodeSums, correlate, searchedLevels } from './correlate.ts';
import type { BlockScale, FoundScales, ScaleSearch } from './types.ts';

/** @param positions of the starts */
export function scaleSearch(levels: Float32Array, positions: readonly number[]): ScaleSearch {
  return { levels: searchedLevels(levels), starts: Float64Array.from(positions, (position) => 1 / position) };
}

/** At the best scale for given codes the error is Σ w x² − (Σ w x q)² / Σ w q². */
function solve(candidate: Candidate): void {
  const { qq, xq } = candidate.sums;
  candidate.minimum = 0;
  candidate.scale = qq > 0 ? xq / qq : 0;
  candidate.error = qq > 0 ? -((xq * xq) / qq) : Infinity;
}

/**
 * The scale that minimizes Σ w (x − scale·nearest level)², not rounded; 0 when all x are 0.
 * @param sums out: q, qq and xq at the result
 */
export function searchScale(
  search: ScaleSearch,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  sums: CodeSums,
): number {
  sums.q = sums.qq = sums.xq = 0;
  let low = x[from];
  let high = low;
  for (let i = from + 1; i < from + n; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
  }
  const extreme = high >= -low ? high : low;
  if (extreme === 0) return 0;
  starts.count = search.starts.length;
  for (let k = 0; k < starts.count; k++) {
    starts.scale[k] = extreme * search.starts[k];
    starts.minimum[k] = 0;
  }
  const best = contend(search.levels, x, w, from, n, solve);
  if (best.error === Infinity) return 0;
  sums.takeCodes(best.sums);
  return best.scale;
}

const SMALLEST_NORMAL_F16 = 2 ** -14;
const sums = new CodeSums();

/** Searches the scale of block i. */
export function findScale(spec: BlockScale, x: Float64Array, w: Float64Array, found: FoundScales, i: number): void {
  const { search, subBlock } = spec;
  let d = roundScale(searchScale(search, x, w, 0, subBlock, sums));
  if (Math.abs(d) < SMALLEST_NORMAL_F16) {
    // so coarse that all zeros may be better, where no level is 0
    correlate(search.levels, x, w, 0, subBlock, d || 1, 0, sums);
    if (sums.error(d, 0) >= 0) d = 0;
  }
  found.d[i] = d;
}
