/** Search for d, dmin and the integers of sub-blocks' scales and minimums: src/numeric/search/grid/superaffine.ts. */
import { searchAffine } from './affine';
import { round, roundScale } from '../round';
import {
  blockW, blockX, error, get, ideal, set, subQ, subQQ, subW, subWX, subXQ, trialMinimum, trialQ, trialQQ, trialScale, trialXQ,
} from '../scratch';
import { highest, subBlock, subBlocks } from './spec';
import { correlate } from './trials';

const MODEL_ROUNDS: i32 = 2;

/** Results of `searchSuperAffine`. */
export let d: f64 = 0;
export let dmin: f64 = 0;
/** Where the integers go. */
let a: usize = 0;
let b: usize = 0;

// @ts-ignore: decorator
@inline function integerOf(list: usize, j: i32): i32 { return load<i32>(list + (<usize>j << 2)); }
// @ts-ignore: decorator
@inline function setIntegers(j: i32, scale: i32, minimum: i32): void {
  store<i32>(a + (<usize>j << 2), scale);
  store<i32>(b + (<usize>j << 2), minimum);
}

/** Searches the block at hand. @param scales, minimums [subBlocks] int32 out */
export function searchSuperAffine(scales: usize, minimums: usize): void {
  a = scales;
  b = minimums;
  let largestScale: f64 = 0, largestMinimum: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    largestMinimum = max(largestMinimum, -searchAffine(j));
    largestScale = max(largestScale, get(ideal(j)));
  }
  d = roundScale(largestScale / <f64>highest);
  dmin = roundScale(largestMinimum / <f64>highest);
  for (let i = 0; i < MODEL_ROUNDS; i++) {
    for (let j = 0; j < subBlocks; j++) chooseIntegers(j);
    refineFactors();
  }
  for (let j = 0; j < subBlocks; j++) {
    chooseIntegers(j);
    exactIntegers(j);
  }
}

/** Best a, b of sub-block j by the quadratic model. */
function chooseIntegers(j: i32): void {
  const wanted = d > 0 ? <i32>min(round(get(ideal(j)) / d), <f64>highest) : 0;
  const last = d > 0 ? min(highest, wanted + 1) : 0;
  let least: f64 = Infinity;
  for (let integer = max(0, wanted - 1); integer <= last; integer++) {
    const minimum = bestMinimum(j, d * <f64>integer);
    const loss = modelError(j, d * <f64>integer, -dmin * minimum);
    if (loss >= least) continue;
    least = loss;
    setIntegers(j, integer, <i32>minimum);
  }
}

/** The integer b that suits a scale best by the quadratic model. */
function bestMinimum(j: i32, scale: f64): f64 {
  if (dmin == 0) return 0;
  const position = (scale * get(subQ(j)) - get(subWX(j))) / (get(subW(j)) * dmin);
  if (!(position > 0)) return 0;
  return position >= <f64>highest ? <f64>highest : round(position);
}

// @ts-ignore: decorator
@inline function modelError(j: i32, scale: f64, offset: f64): f64 {
  return error(scale, offset, get(subW(j)), get(subWX(j)), get(subQ(j)), get(subQQ(j)), get(subXQ(j)));
}

/** Moves a[j] to the neighbour with the least exact error: the codes change too, which the model does not know. */
function exactIntegers(j: i32): void {
  const middle = integerOf(a, j);
  const total = get(subW(j)), first = get(subWX(j));
  let least: f64 = middle == 0 ? error(0, -dmin * <f64>integerOf(b, j), total, first, 0, 0, 0) : Infinity;
  if (d == 0) return;
  const from = max(1, middle - 1), last = min(highest, middle + 1);
  for (let integer = from; integer <= last; integer++) {
    const scale = d * <f64>integer;
    set(trialScale(integer - from), scale);
    set(trialMinimum(integer - from), -dmin * bestMinimum(j, scale));
  }
  correlate(blockX(j * subBlock), blockW(j * subBlock), subBlock, 0, last - from + 1);
  for (let integer = from; integer <= last; integer++) {
    const k = integer - from, offset = get(trialMinimum(k));
    const loss = error(d * <f64>integer, offset, total, first, get(trialQ(k)), get(trialQQ(k)), get(trialXQ(k)));
    if (loss >= least) continue;
    least = loss;
    setIntegers(j, integer, <i32>bestMinimum(j, d * <f64>integer));
  }
}

/** Least squares d, dmin for the present integers and codes, as binary16; kept as they are where there is none. */
function refineFactors(): void {
  let aa: f64 = 0, ab: f64 = 0, bb: f64 = 0, ax: f64 = 0, bx: f64 = 0;
  for (let j = 0; j < subBlocks; j++) {
    const m = <f64>integerOf(a, j), n = <f64>integerOf(b, j);
    aa += m * m * get(subQQ(j));
    ab -= m * n * get(subQ(j));
    bb += n * n * get(subW(j));
    ax += m * get(subXQ(j));
    bx -= n * get(subWX(j));
  }
  const determinant = aa * bb - ab * ab;
  if (determinant > 1e-12 * aa * bb) {
    const scale = (bb * ax - ab * bx) / determinant;
    const minimum = (aa * bx - ab * ax) / determinant;
    if (scale <= 0 || minimum < 0) return;
    d = roundScale(scale);
    dmin = roundScale(minimum);
  } else if (aa > 0 && ax > 0) {
    d = roundScale(ax / aa);
  }
}
