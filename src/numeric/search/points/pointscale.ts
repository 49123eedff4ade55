import { roundScale } from '../../../core/float16.ts';
import { loadBlock } from '../block.ts';
import { CodeSums } from '../grid/correlate.ts';
import { correlatePoints } from './points.ts';
import type { FoundPointScales, PointScale } from './types.ts';

const BLOCK = 256;
/** Rounds of codes → scale from the best start. */
const ALTERNATIONS = 2;
/** Values of d tried, in steps from a little below the one at which the largest scale just fits. */
const D_STARTS = 6;
const D_STEP = 0.03;
const MODEL_ROUNDS = 2;
/** From this code on, scales of neighbours are so close that only the one towards the ideal scale is tried. */
const CLOSE = 8;

const x = new Float64Array(BLOCK);
const w = new Float64Array(BLOCK);
const sums = Array.from({ length: 16 }, () => new CodeSums());
const trial = new CodeSums();
const ideal = new Float64Array(16);
const codes = new Int32Array(16);
const kept = new Int32Array(16);
const chosen = new Uint8Array(16);

/** Searches blocks one after the other; see `EncodeBackend.searchPointScales`. */
export function searchPointScales(
  spec: PointScale,
  values: Float32Array,
  importance: Float32Array | undefined,
  found: FoundPointScales,
): void {
  const subBlocks = BLOCK / spec.subBlock;
  for (let i = 0; i * BLOCK < values.length; i++) {
    loadBlock(values, importance, i * BLOCK, BLOCK, x, w);
    found.d[i] = searchPointScale(spec, subBlocks);
    found.a.set(codes.subarray(0, subBlocks), i * subBlocks);
    found.which.set(chosen.subarray(0, subBlocks), i * subBlocks);
  }
}

/**
 * Searches d and the codes of the sub-blocks' scales: the ideal scale of every sub-block, then d on the quadratic model of
 * the error, then each code and its neighbours by their exact error.
 * @returns d, exactly as binary16 stores it; 0 where nothing is better than all zeros
 */
function searchPointScale(spec: PointScale, subBlocks: number): number {
  const { unit, highest } = spec;
  let largest = 0;
  for (let j = 0; j < subBlocks; j++) {
    ideal[j] = idealScale(spec, j, sums[j]);
    largest = Math.max(largest, ideal[j]);
  }
  codes.fill(0);
  if (largest === 0) return 0;
  let d = 0;
  let least = Infinity;
  for (let k = 0; k < D_STARTS; k++) {
    const start = roundScale((largest / (unit * (2 * highest + 1))) * (1 + (k - 1) * D_STEP));
    const error = chooseCodes(spec, subBlocks, start);
    if (error >= least) continue;
    least = error;
    d = start;
    kept.set(codes);
  }
  codes.set(kept);
  for (let round = 0; round < MODEL_ROUNDS; round++) {
    d = roundScale(leastSquares(spec, subBlocks) || d);
    chooseCodes(spec, subBlocks, d);
  }
  let error = 0;
  for (let j = 0; j < subBlocks; j++) error += exactCode(spec, j, d);
  return error < 0 ? d : 0;
}

/** The scale of sub-block j that minimizes the error, with the book it does so in; 0 when all x are 0. */
function idealScale(spec: PointScale, j: number, best: CodeSums): number {
  const from = j * spec.subBlock;
  chosen[j] = 0;
  best.qq = 0;
  best.xq = 0;
  let largest = 0;
  let smallest = Infinity;
  for (let i = from; i < from + spec.subBlock; i++) {
    largest = Math.max(largest, Math.abs(x[i]));
    smallest = Math.min(smallest, Math.abs(x[i]));
  }
  if (largest === 0) return 0;
  let bestGain = 0;
  const attempt = (book: number, scale: number): boolean => {
    correlatePoints(spec.books[book], x, w, from, spec.subBlock, scale, trial);
    const gain = trial.xq > 0 ? (trial.xq * trial.xq) / trial.qq : 0;
    if (gain <= bestGain) return false;
    bestGain = gain;
    chosen[j] = book;
    best.takeCodes(trial);
    return true;
  };
  for (const [index, book] of spec.books.entries()) {
    for (const start of spec.starts) attempt(index, largest / (start * book.largest));
    // constant values are exact under the point of smallest levels
    if (smallest === largest) attempt(index, largest / book.smallest);
  }
  for (let round = 0; round < ALTERNATIONS && best.qq > 0; round++) {
    if (!attempt(chosen[j], best.xq / best.qq)) break;
  }
  return best.qq > 0 ? best.xq / best.qq : 0;
}

/** Best codes for d by the quadratic model. Returns its error, relative to that of all zeros. */
function chooseCodes(spec: PointScale, subBlocks: number, d: number): number {
  let error = 0;
  for (let j = 0; j < subBlocks; j++) {
    codes[j] = nearestCode(spec, ideal[j], d);
    error += sums[j].error(d * spec.unit * (2 * codes[j] + 1), 0);
  }
  return error;
}

function nearestCode({ unit, highest }: PointScale, scale: number, d: number): number {
  const a = Math.round((scale / (d * unit) - 1) / 2);
  return a > 0 ? Math.min(a, highest) : 0;
}

/** The d that is best for the present codes. */
function leastSquares({ unit }: PointScale, subBlocks: number): number {
  let numerator = 0;
  let denominator = 0;
  for (let j = 0; j < subBlocks; j++) {
    const integer = unit * (2 * codes[j] + 1);
    numerator += integer * sums[j].xq;
    denominator += integer * integer * sums[j].qq;
  }
  return denominator > 0 ? numerator / denominator : 0;
}

/** Sets the code of sub-block j to that with the least exact error among its neighbours; returns it, relative to zeros. */
function exactCode(spec: PointScale, j: number, d: number): number {
  const { books, subBlock, unit, highest } = spec;
  const middle = codes[j];
  const above = ideal[j] > d * unit * (2 * middle + 1);
  const first = middle >= CLOSE && above ? middle : Math.max(middle - 1, 0);
  const last = middle >= CLOSE && !above ? middle : Math.min(middle + 1, highest);
  let least = Infinity;
  for (let a = first; a <= last; a++) {
    const scale = d * unit * (2 * a + 1);
    correlatePoints(books[chosen[j]], x, w, j * subBlock, subBlock, scale, trial);
    const error = trial.error(scale, 0);
    if (error >= least) continue;
    least = error;
    codes[j] = a;
  }
  return least;
}
