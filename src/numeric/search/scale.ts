import { CodeSums, correlate, levelTable } from './correlate.ts';

/**
 * Scale search of symmetric grids, value = scale·level. At the best scale for given codes the error is
 * Σ w x² − (Σ w x q)² / Σ w q², so the search looks for the largest gain (Σ w x q)² / Σ w q².
 */
export interface ScaleSearch {
  /** `levelTable` of the levels */
  readonly table: Float64Array;
  /**
   * Each start puts the largest |x| at that position of the level axis. Found by greedy choice on model weights: each
   * next one lowers the mean error most.
   */
  readonly starts: Float64Array;
}

export function scaleSearch(levels: Float32Array, starts: readonly number[]): ScaleSearch {
  return { table: levelTable(levels), starts: Float64Array.from(starts) };
}

const trial = new CodeSums();

/** Alternation stops when the gain, nearly Σ w x², grows by less: far below the error of any format. */
const LEAST_GAIN = 1 + 1e-7;

/**
 * The scale that minimizes Σ w (x − scale·nearest level)², not rounded; 0 when all x are 0. From each start that beats
 * the best so far, codes and scale alternate until nothing improves.
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
  sums.qq = 0;
  sums.xq = 0;
  let extreme = 0;
  let largest = 0;
  for (let i = from; i < from + n; i++) {
    const magnitude = Math.abs(x[i]);
    if (magnitude > largest) {
      largest = magnitude;
      extreme = x[i];
    }
  }
  if (extreme === 0) return 0;
  const { table, starts } = search;
  let bestGain = 0;
  for (let k = 0; k < starts.length; k++) {
    let scale = extreme / starts[k];
    for (;;) {
      correlate(table, x, w, from, n, scale, 0, trial);
      if (!(trial.qq > 0)) break;
      const gain = (trial.xq * trial.xq) / trial.qq;
      if (gain <= bestGain * LEAST_GAIN) break;
      bestGain = gain;
      sums.takeCodes(trial);
      scale = trial.xq / trial.qq;
    }
  }
  return sums.qq > 0 ? sums.xq / sums.qq : 0;
}
