import {
  type AffineSearch,
  affineError,
  correlateAffine,
  SUMS,
  searchAffine,
  solution,
  W,
  WQ,
  WQQ,
  WX,
  WXQ,
} from './affine.ts';
import { roundScale } from './superscale.ts';

/** A block of sub-blocks with scale d·a and minimum −dmin·b, a and b integers from 0: Q2_K, Q4_K, Q5_K. */
export interface SuperAffine {
  readonly subBlocks: number;
  readonly subBlock: number;
  /** Largest integer of a and of b. */
  readonly highest: number;
  readonly search: AffineSearch;
  readonly rounds: number;
}

/** Integers and binary16 factors of one block. */
export interface SuperAffineResult {
  d: number;
  dmin: number;
  /** [16] */
  readonly a: Int32Array;
  /** [16] */
  readonly b: Int32Array;
}

const sums = new Float64Array(16 * SUMS);
const trial = new Float64Array(SUMS);
const scales = new Float64Array(16);
const minimums = new Float64Array(16);
const a = new Int32Array(16);
const b = new Int32Array(16);

export function searchSuperAffine(
  spec: SuperAffine,
  x: Float64Array,
  w: Float64Array,
  result: SuperAffineResult,
): void {
  const { subBlocks, subBlock, highest, search } = spec;
  let largestScale = 0;
  let largestMinimum = 0;
  for (let j = 0; j < subBlocks; j++) {
    searchAffine(search, x, w, j * subBlock, subBlock, sums, j * SUMS);
    scales[j] = solution[0];
    minimums[j] = -solution[1];
    largestScale = Math.max(largestScale, scales[j]);
    largestMinimum = Math.max(largestMinimum, minimums[j]);
  }
  result.d = 0;
  result.dmin = 0;
  result.a.fill(0);
  result.b.fill(0);
  let d = roundScale(largestScale / highest);
  let dmin = roundScale(largestMinimum / highest);
  let bestError = 0;
  for (let round = 0; round < spec.rounds; round++) {
    for (let j = 0; j < subBlocks; j++) chooseIntegers(j, d, dmin, highest);
    const factors = refineFactors(subBlocks, d, dmin);
    d = factors.d;
    dmin = factors.dmin;
    let error = 0;
    for (let j = 0; j < subBlocks; j++) {
      chooseIntegers(j, d, dmin, highest);
      error += exactSearch(spec, x, w, j, d, dmin);
    }
    if (!(error < bestError)) break;
    bestError = error;
    result.d = d;
    result.dmin = dmin;
    result.a.set(a);
    result.b.set(b);
  }
}

/** Best a, b of sub-block j by the quadratic model. */
function chooseIntegers(j: number, d: number, dmin: number, highest: number): void {
  const at = j * SUMS;
  const a0 = d > 0 ? Math.floor(scales[j] / d) : 0;
  let best = Infinity;
  for (let i = Math.max(0, a0 - 1); i <= Math.min(highest, a0 + 2); i++) {
    const s = d * i;
    const m = (s * sums[at + WQ] - sums[at + WX]) / sums[at + W];
    const k = dmin > 0 ? Math.min(Math.max(Math.round(m / dmin), 0), highest) : 0;
    const error = affineError(sums, at, s, -dmin * k);
    if (error < best) {
      best = error;
      a[j] = i;
      b[j] = k;
    }
  }
}

/** Exact errors of a few integers around a[j], b[j]; keeps the best and its sums. Returns the error less Σ w x². */
function exactSearch(spec: SuperAffine, x: Float64Array, w: Float64Array, j: number, d: number, dmin: number): number {
  const { subBlock, highest, search } = spec;
  const at = j * SUMS;
  trial[W] = sums[at + W];
  trial[WX] = sums[at + WX];
  const a0 = a[j];
  const b0 = b[j];
  let best = Infinity;
  for (let i = Math.max(0, a0 - 1); i <= Math.min(highest, a0 + 1); i++) {
    for (let k = Math.max(0, b0 - 1); k <= Math.min(highest, b0 + 1); k++) {
      const s = d * i;
      const m = -dmin * k;
      correlateAffine(x, w, j * subBlock, subBlock, search.maximum, s > 0 ? 1 / s : 0, m, trial, 0);
      const error = affineError(trial, 0, s, m);
      if (error >= best) continue;
      best = error;
      a[j] = i;
      b[j] = k;
      for (let t = WQ; t < SUMS; t++) sums[at + t] = trial[t];
    }
  }
  scales[j] = d * a[j];
  minimums[j] = dmin * b[j];
  return best;
}

/** Least squares d, dmin for the present integers and codes, as binary16. */
function refineFactors(subBlocks: number, d: number, dmin: number): { d: number; dmin: number } {
  let aa = 0;
  let ab = 0;
  let bb = 0;
  let ax = 0;
  let bx = 0;
  for (let j = 0; j < subBlocks; j++) {
    const at = j * SUMS;
    aa += a[j] * a[j] * sums[at + WQQ];
    ab -= a[j] * b[j] * sums[at + WQ];
    bb += b[j] * b[j] * sums[at + W];
    ax += a[j] * sums[at + WXQ];
    bx -= b[j] * sums[at + WX];
  }
  const determinant = aa * bb - ab * ab;
  if (determinant > 1e-12 * aa * bb) {
    const newD = (bb * ax - ab * bx) / determinant;
    const newDmin = (aa * bx - ab * ax) / determinant;
    if (newD > 0 && newDmin >= 0) return { d: roundScale(newD), dmin: roundScale(newDmin) };
  } else if (aa > 0 && ax > 0) return { d: roundScale(ax / aa), dmin };
  return { d, dmin };
}
