import { correlate, levelTable, QQ, SUMS, XQ } from './correlate.ts';

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

const trial = new Float64Array(SUMS);

/** Alternation stops when the gain, nearly Σ w x², grows by less: far below the error of any format. */
const LEAST_GAIN = 1 + 1e-7;

/**
 * The scale that minimizes Σ w (x − scale·nearest level)², not rounded; 0 when all x are 0. From each start that beats
 * the best so far, codes and scale alternate until nothing improves.
 * @param sums QQ and XQ at `at` out: at the result
 */
export function searchScale(
  search: ScaleSearch,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  sums: Float64Array,
  at: number,
): number {
  sums[at + QQ] = 0;
  sums[at + XQ] = 0;
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
      correlate(table, x, w, from, n, scale, 0, trial, 0);
      if (!(trial[QQ] > 0)) break;
      const gain = (trial[XQ] * trial[XQ]) / trial[QQ];
      if (gain <= bestGain * LEAST_GAIN) break;
      bestGain = gain;
      sums[at + QQ] = trial[QQ];
      sums[at + XQ] = trial[XQ];
      scale = trial[XQ] / trial[QQ];
    }
  }
  return sums[at + QQ] > 0 ? sums[at + XQ] / sums[at + QQ] : 0;
}
