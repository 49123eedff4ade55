import { roundScale } from '../../../core/float16.ts';
import { CodeSums, correlate } from './correlate.ts';
import { searchScale } from './scale.ts';
import type { FoundScales, SuperScale } from './types.ts';

/** Rounds of integers → d → integers on the quadratic model. */
const MODEL_ROUNDS = 2;
/** Values of d tried, in steps from a little below the one at which the largest scale just fits. */
const D_STARTS = 6;
const D_STEP = 0.03;

const sums = Array.from({ length: 16 }, () => new CodeSums());
const trial = new CodeSums();
const ideal = new Float64Array(16);

const integers = new Int32Array(16);

/** Searches d and the integers of block i. */
export function findSuperScale(
  spec: SuperScale,
  x: Float64Array,
  w: Float64Array,
  found: FoundScales,
  i: number,
): void {
  found.d[i] = searchSuperScale(spec, x, w);
  for (let j = 0; j < spec.subBlocks; j++) found.a[i * spec.subBlocks + j] = integers[j];
}

/**
 * Searches d and the integers of one block: the ideal scale of every sub-block, then d on the quadratic model of the
 * error, then each integer and its neighbours by their exact error.
 * @returns d, exactly as binary16 stores it
 */
function searchSuperScale(spec: SuperScale, x: Float64Array, w: Float64Array): number {
  const { subBlocks, subBlock, lowest, highest, search } = spec;
  let extreme = 0;
  for (let j = 0; j < subBlocks; j++) {
    ideal[j] = searchScale(search, x, w, j * subBlock, subBlock, sums[j]);
    if (Math.abs(ideal[j]) > Math.abs(extreme)) extreme = ideal[j];
  }
  integers.fill(0);
  if (extreme === 0) return 0;
  let d = 0;
  let least = Infinity;
  for (let k = 0; k < 2 * D_STARTS; k++) {
    const end = k < D_STARTS ? lowest : highest;
    const start = roundScale((extreme / end) * (1 + ((k % D_STARTS) - 1) * D_STEP));
    const error = chooseIntegers(spec, start);
    if (error >= least) continue;
    least = error;
    d = start;
  }
  for (let round = 0; round < MODEL_ROUNDS; round++) {
    chooseIntegers(spec, d);
    d = roundScale(leastSquares(subBlocks) || d);
  }
  for (let j = 0; j < subBlocks; j++) integers[j] = exactInteger(spec, x, w, j, d);
  return d;
}

/** Best integers for d by the quadratic model. Returns its error, relative to that of all zeros. */
function chooseIntegers(spec: SuperScale, d: number): number {
  const { subBlocks, lowest, highest } = spec;
  let even = 0; // sub-blocks of even and odd index apart: lanes of a vector
  let odd = 0;
  for (let j = 0; j < subBlocks; j++) {
    const integer = nearestInteger(ideal[j] / d, lowest, highest);
    const scale = d * integer;
    const error = scale * (scale * sums[j].qq - 2 * sums[j].xq);
    if (j & 1) odd += error;
    else even += error;
    integers[j] = integer;
  }
  return even + odd;
}

/** The d that is best for the present integers and codes. */
function leastSquares(subBlocks: number): number {
  let numerator = 0;
  let denominator = 0;
  for (let j = 0; j < subBlocks; j++) {
    numerator += integers[j] * sums[j].xq;
    denominator += integers[j] * integers[j] * sums[j].qq;
  }
  return denominator > 0 ? numerator / denominator : 0;
}

/** The integer of sub-block j with the least exact error, near the one that its ideal scale asks for. */
function exactInteger(spec: SuperScale, x: Float64Array, w: Float64Array, j: number, d: number): number {
  const { subBlock, reach, search, lowest, highest } = spec;
  const middle = nearestInteger(ideal[j] / d, lowest, highest);
  if (reach === 0) return middle;
  const last = Math.min(middle + reach, highest);
  let best = 0;
  let least = 0; // relative to Σ w x², the error of the integer 0
  for (let integer = Math.max(middle - reach, lowest); integer <= last; integer++) {
    if (integer === 0) continue;
    const scale = d * integer;
    correlate(search.levels, x, w, j * subBlock, subBlock, scale, 0, trial);
    const error = trial.error(scale, 0);
    if (error >= least) continue;
    least = error;
    best = integer;
  }
  return best;
}

/** Halves go up. */
function nearestInteger(position: number, lowest: number, highest: number): number {
  return Math.floor(Math.min(Math.max(position, lowest), highest) + 0.5);
}
