import { roundScale } from '../../../core/float16.ts';
import { searchAffine, solution } from './affine.ts';
import { CodeSums, correlate } from './correlate.ts';
import type { FoundScales, SuperAffine } from './types.ts';

/** Rounds of (a, b) → (d, dmin) → (a, b) on the quadratic model. */
const MODEL_ROUNDS = 2;

const sums = Array.from({ length: 16 }, () => new CodeSums());
const trial = new CodeSums();
const idealScale = new Float64Array(16);
/** The block at hand: d and dmin as binary16 stores them, the integers of its sub-blocks. */
const result = { d: 0, dmin: 0, a: new Int32Array(16), b: new Int32Array(16) };

/** Searches scales and minimums of block i. */
export function findSuperAffine(
  spec: SuperAffine,
  x: Float64Array,
  w: Float64Array,
  found: FoundScales,
  i: number,
): void {
  searchSuperAffine(spec, x, w);
  found.d[i] = result.d;
  found.minimum[i] = result.dmin;
  for (let j = 0; j < spec.subBlocks; j++) {
    found.a[i * spec.subBlocks + j] = result.a[j];
    found.b[i * spec.subBlocks + j] = result.b[j];
  }
}

/**
 * Searches one block: the ideal scale and minimum of every sub-block, then d and dmin on the quadratic model of the
 * error, then the integers by their exact error.
 */
function searchSuperAffine(spec: SuperAffine, x: Float64Array, w: Float64Array): void {
  const { subBlocks, subBlock, highest, search } = spec;
  let largestScale = 0;
  let largestMinimum = 0;
  for (let j = 0; j < subBlocks; j++) {
    searchAffine(search, x, w, j * subBlock, subBlock, sums[j]);
    idealScale[j] = solution[0];
    largestScale = Math.max(largestScale, solution[0]);
    largestMinimum = Math.max(largestMinimum, -solution[1]);
  }
  result.d = roundScale(largestScale / highest);
  result.dmin = roundScale(largestMinimum / highest);
  for (let round = 0; round < MODEL_ROUNDS; round++) {
    for (let j = 0; j < subBlocks; j++) chooseIntegers(j, highest);
    refineFactors(subBlocks);
  }
  for (let j = 0; j < subBlocks; j++) {
    chooseIntegers(j, highest);
    exactIntegers(spec, x, w, j);
  }
}

/** Best a, b of sub-block j by the quadratic model. */
function chooseIntegers(j: number, highest: number): void {
  const { d, dmin } = result;
  const ideal = d > 0 ? Math.min(Math.round(idealScale[j] / d), highest) : 0;
  const last = d > 0 ? Math.min(highest, ideal + 1) : 0;
  let least = Infinity;
  for (let a = Math.max(0, ideal - 1); a <= last; a++) {
    const b = bestMinimum(j, d * a, dmin, highest);
    const error = sums[j].error(d * a, -dmin * b);
    if (error >= least) continue;
    least = error;
    result.a[j] = a;
    result.b[j] = b;
  }
}

/** The integer b that suits a scale best by the quadratic model. */
function bestMinimum(j: number, scale: number, dmin: number, highest: number): number {
  if (dmin === 0) return 0;
  const position = (scale * sums[j].q - sums[j].x) / (sums[j].one * dmin);
  if (!(position > 0)) return 0;
  return position >= highest ? highest : Math.round(position);
}

/** Moves a[j] to the neighbour with the least exact error: the codes change too, which the model does not know. */
function exactIntegers(spec: SuperAffine, x: Float64Array, w: Float64Array, j: number): void {
  const { subBlock, highest, search } = spec;
  const { d, dmin, a, b } = result;
  const first = Math.max(1, a[j] - 1);
  const last = Math.min(highest, a[j] + 1);
  trial.one = sums[j].one;
  trial.x = sums[j].x;
  trial.q = trial.qq = trial.xq = 0;
  let least = a[j] === 0 ? trial.error(0, -dmin * b[j]) : Infinity;
  if (d === 0) return;
  for (let integer = first; integer <= last; integer++) {
    const scale = d * integer;
    const b0 = bestMinimum(j, scale, dmin, highest);
    correlate(search.levels, x, w, j * subBlock, subBlock, scale, -dmin * b0, trial);
    const error = trial.error(scale, -dmin * b0);
    if (error >= least) continue;
    least = error;
    a[j] = integer;
    b[j] = b0;
  }
}

/** Least squares d, dmin for the present integers and codes, as binary16; kept as they are where there is none. */
function refineFactors(subBlocks: number): void {
  const { a, b } = result;
  let aa = 0;
  let ab = 0;
  let bb = 0;
  let ax = 0;
  let bx = 0;
  for (let j = 0; j < subBlocks; j++) {
    const { one, x, q, qq, xq } = sums[j];
    aa += a[j] * a[j] * qq;
    ab -= a[j] * b[j] * q;
    bb += b[j] * b[j] * one;
    ax += a[j] * xq;
    bx -= b[j] * x;
  }
  const determinant = aa * bb - ab * ab;
  if (determinant > 1e-12 * aa * bb) {
    const d = (bb * ax - ab * bx) / determinant;
    const dmin = (aa * bx - ab * ax) / determinant;
    if (d <= 0 || dmin < 0) return;
    result.d = roundScale(d);
    result.dmin = roundScale(dmin);
  } else if (aa > 0 && ax > 0) {
    result.d = roundScale(ax / aa);
  }
}
