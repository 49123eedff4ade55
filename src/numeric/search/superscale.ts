import { f16ToNumber, numberToF16 } from '../../core/float16.ts';
import { type ScaleSearch, searchScale } from './scale.ts';

/** A block of sub-blocks whose scales are d·integer, d in binary16: Q3_K, Q6_K, IQ4_XS. */
export interface SuperScale {
  readonly subBlocks: number;
  readonly subBlock: number;
  readonly lowest: number;
  readonly highest: number;
  readonly search: ScaleSearch;
  /** Rounds of (codes → d → integers) at most. */
  readonly rounds: number;
}

const MAXIMUM_F16 = 65504;
const MINIMUM_F16 = 2 ** -24;

/** A scale as binary16 stores it: saturated, and never rounded to 0 unless it is 0. */
export function roundScale(scale: number): number {
  if (scale === 0) return 0;
  const magnitude = Math.min(Math.max(Math.abs(scale), MINIMUM_F16), MAXIMUM_F16);
  return f16ToNumber(numberToF16(scale < 0 ? -magnitude : magnitude));
}

const sums = new Float64Array(2);
const sumXQ = new Float64Array(16);
const sumQQ = new Float64Array(16);
const ideal = new Float64Array(16);
const integers = new Int32Array(16);

/**
 * Searches d and the integers of one block.
 * @param result [subBlocks] out: integers
 * @returns d, exactly as binary16 stores it
 */
export function searchSuperScale(spec: SuperScale, x: Float64Array, w: Float64Array, result: Int32Array): number {
  const { subBlocks, subBlock, lowest, highest, search } = spec;
  let extreme = 0;
  for (let j = 0; j < subBlocks; j++) {
    ideal[j] = searchScale(search, x, w, j * subBlock, subBlock, sums);
    sumXQ[j] = sums[0];
    sumQQ[j] = sums[1];
    if (Math.abs(ideal[j]) > Math.abs(extreme)) extreme = ideal[j];
  }
  result.fill(0);
  if (extreme === 0) return 0;
  let d = bestStart(spec, extreme);
  let bestD = 0;
  let bestError = 0; // relative to Σ w x²: the error of all-zero integers
  for (let round = 0; round < spec.rounds; round++) {
    chooseIntegers(spec, d);
    d = roundScale(leastSquares(subBlocks) || d);
    chooseIntegers(spec, d);
    let error = 0;
    for (let j = 0; j < subBlocks; j++) {
      // the neighbours too: the codes change with the integer, the quadratic model does not know
      let best = 0;
      let bestHere = 0;
      for (let l = Math.max(integers[j] - 1, lowest); l <= Math.min(integers[j] + 1, highest); l++) {
        if (l === 0) continue;
        const scale = d * l;
        search.correlate(x, w, j * subBlock, subBlock, 1 / scale, sums);
        const here = scale * (scale * sums[1] - 2 * sums[0]);
        if (here >= bestHere) continue;
        bestHere = here;
        best = l;
        sumXQ[j] = sums[0];
        sumQQ[j] = sums[1];
      }
      integers[j] = best;
      if (sumQQ[j] > 0) ideal[j] = sumXQ[j] / sumQQ[j];
      error += bestHere;
    }
    if (error >= bestError * (1 + 1e-6)) break;
    bestError = error;
    bestD = d;
    for (let j = 0; j < subBlocks; j++) result[j] = integers[j];
  }
  return bestD;
}

/** Error of the quadratic model, relative to all-zero, at d with its best integers. */
function modelError(spec: SuperScale, d: number): number {
  let error = 0;
  for (let j = 0; j < spec.subBlocks; j++) {
    const scale = d * clampRound(ideal[j] / d, spec.lowest, spec.highest);
    error += scale * (scale * sumQQ[j] - 2 * sumXQ[j]);
  }
  return error;
}

/** The best of several d around the one that puts the largest scale at the end of the integers' range. */
function bestStart(spec: SuperScale, extreme: number): number {
  let best = 0;
  let bestError = Infinity;
  for (const end of [spec.lowest, spec.highest]) {
    for (let step = 0; step < 8; step++) {
      const d = roundScale((extreme / end) * (1 + step * 0.025 - 0.025));
      const error = modelError(spec, d);
      if (error < bestError) {
        bestError = error;
        best = d;
      }
    }
  }
  return best;
}

function chooseIntegers(spec: SuperScale, d: number): void {
  for (let j = 0; j < spec.subBlocks; j++) integers[j] = clampRound(ideal[j] / d, spec.lowest, spec.highest);
}

/** The d that is best for the present integers and codes. */
function leastSquares(subBlocks: number): number {
  let numerator = 0;
  let denominator = 0;
  for (let j = 0; j < subBlocks; j++) {
    numerator += integers[j] * sumXQ[j];
    denominator += integers[j] * integers[j] * sumQQ[j];
  }
  return denominator > 0 ? numerator / denominator : 0;
}

function clampRound(value: number, low: number, high: number): number {
  return Math.min(Math.max(Math.round(value), low), high);
}
