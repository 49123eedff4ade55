/**
 * Scale search of symmetric grids, value = scale·level. For given codes the error Σ w (x − s·q)² is quadratic in s, so
 * two sums say everything: at the best s it is Σ w x² − (Σ w x q)² / Σ w q². The search therefore tries several starting
 * scales, keeps the one with the largest gain (Σ w x q)²/Σ w q² and then alternates: codes for the scale, scale for the
 * codes, until nothing improves.
 */

/** Writes Σ w x q to sums[0] and Σ w q² to sums[1], q the level nearest to x·inverse, for elements [from, from + n). */
export type Correlate = (
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  inverse: number,
  sums: Float64Array,
) => void;

/** Correlation with the integer levels low … high. */
export function uniformCorrelate(low: number, high: number): Correlate {
  const count = high - low;
  return (x, w, from, n, inverse, sums) => {
    const shift = 0.5 - low;
    let sumXQ = 0;
    let sumQQ = 0;
    for (let i = from; i < from + n; i++) {
      let position = x[i] * inverse + shift;
      position = position > 0 ? position : 0;
      let code = position < count ? position | 0 : count;
      code += low;
      const wq = w[i] * code;
      sumXQ += wq * x[i];
      sumQQ += wq * code;
    }
    sums[0] = sumXQ;
    sums[1] = sumQQ;
  };
}

/** Correlation with any ascending integer levels within −128 … 127. */
export function tableCorrelate(levels: Float32Array): Correlate {
  const nearest = halfStepTable(levels);
  return (x, w, from, n, inverse, sums) => {
    const inverse2 = 2 * inverse;
    let sumXQ = 0;
    let sumQQ = 0;
    for (let i = from; i < from + n; i++) {
      let position = x[i] * inverse2 + 256;
      position = position > 0 ? position : 0;
      const level = nearest[position < 511 ? position | 0 : 511];
      const wq = w[i] * level;
      sumXQ += wq * x[i];
      sumQQ += wq * level;
    }
    sums[0] = sumXQ;
    sums[1] = sumQQ;
  };
}

/** [512] level nearest to each interval [k/2 − 128, (k+1)/2 − 128): exact, because midpoints of integers are halves. */
function halfStepTable(levels: Float32Array): Float64Array {
  const nearest = new Float64Array(512);
  for (let k = 0; k < 512; k++) {
    const middle = k / 2 - 128 + 0.25;
    nearest[k] = levels.reduce((best, level) => (Math.abs(level - middle) < Math.abs(best - middle) ? level : best));
  }
  return nearest;
}

const trial = new Float64Array(2);

/** Where a search begins: the largest |x| of the block is put at each of these positions of the level axis. */
export interface ScaleSearch {
  readonly correlate: Correlate;
  readonly starts: Float64Array;
  /** Alternations at most after the best start. */
  readonly rounds: number;
}

/**
 * The scale that minimizes Σ w (x − scale·nearest level)², not rounded; 0 when all x are 0.
 * @param sums [2] out: Σ w x q and Σ w q² at the result
 */
export function searchScale(
  search: ScaleSearch,
  x: Float64Array,
  w: Float64Array,
  from: number,
  n: number,
  sums: Float64Array,
): number {
  sums[0] = 0;
  sums[1] = 0;
  let extreme = 0;
  for (let i = from; i < from + n; i++) if (Math.abs(x[i]) > Math.abs(extreme)) extreme = x[i];
  if (extreme === 0) return 0;
  const { correlate, starts, rounds } = search;
  let bestGain = 0;
  for (let k = 0; k < starts.length; k++) {
    correlate(x, w, from, n, starts[k] / extreme, trial);
    bestGain = keepIfBetter(bestGain, sums);
  }
  for (let round = 0; round < rounds && bestGain > 0; round++) {
    correlate(x, w, from, n, sums[1] / sums[0], trial);
    const gain = keepIfBetter(bestGain, sums);
    if (gain <= bestGain * (1 + 1e-9)) break;
    bestGain = gain;
  }
  return sums[1] > 0 ? sums[0] / sums[1] : 0;
}

function keepIfBetter(bestGain: number, sums: Float64Array): number {
  const gain = trial[0] * trial[0];
  if (!(gain > bestGain * trial[1])) return bestGain;
  sums[0] = trial[0];
  sums[1] = trial[1];
  return gain / trial[1];
}
