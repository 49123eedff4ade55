/** Several starts are tried, and the two best take the codes of their least squares: src/numeric/search/grid/contend.ts. */
import { error, get, set, trialError, trialMinimum, trialQ, trialQQ, trialScale, trialXQ } from '../scratch';
import { anySign, hasMinimum } from './spec';
import { correlate } from './trials';

/** Trials behind those of the starts. */
const REFINED: i32 = 16;

/** Results of `solve`, and of `contend`: least squares for the codes, its error less Σ w x², and the sums. */
export let foundScale: f64 = 0;
export let foundMinimum: f64 = 0;
export let foundError: f64 = 0;
export let foundQ: f64 = 0;
export let foundQQ: f64 = 0;
export let foundXQ: f64 = 0;

/** Σ w and Σ w x of the values at hand, where there are minimums. */
let totalW: f64 = 0;
let totalWX: f64 = 0;
export function setTotals(one: f64, x: f64): void {
  totalW = one;
  totalWX = x;
}

function solve(k: i32): void {
  foundQ = get(trialQ(k));
  foundQQ = get(trialQQ(k));
  foundXQ = get(trialXQ(k));
  if (hasMinimum) solveAffine(foundQ, foundQQ, foundXQ);
  else {
    foundMinimum = 0;
    foundScale = foundQQ > 0 ? foundXQ / foundQQ : 0;
    foundError = get(trialError(k));
  }
}

function solveAffine(q: f64, qq: f64, xq: f64): void {
  const one = totalW, x = totalWX;
  const determinant = one * qq - q * q;
  let scale: f64 = 0, minimum: f64 = 0;
  if (determinant > 1e-12 * one * qq) {
    scale = (one * xq - x * q) / determinant;
    minimum = (qq * x - q * xq) / determinant;
  }
  if (scale <= 0 || (minimum > 0 && !anySign)) {
    minimum = 0;
    scale = qq > 0 && xq > 0 ? xq / qq : 0;
  }
  foundScale = scale;
  foundMinimum = minimum;
  foundError = error(scale, minimum, one, x, q, qq, xq);
}

/** Error of trial k at its least squares, less Σ w x²; Infinity where there are none. */
// @ts-ignore: decorator
@inline function errorOf(k: i32): f64 {
  if (!hasMinimum) return get(trialError(k));
  solve(k);
  return foundError;
}

/** Makes trial k the best candidate's codes taken anew. */
// @ts-ignore: decorator
@inline function refine(from: i32, k: i32): void {
  solve(from);
  set(trialScale(k), foundScale);
  set(trialMinimum(k), foundMinimum);
}

/** The best of what `count` ≤ 16 trials lead to, for n values; foundError is Infinity where they lead to nothing. */
export function contend(x: usize, w: usize, n: i32, count: i32): void {
  correlate(x, w, n, 0, count);
  let error0: f64 = Infinity, error1: f64 = Infinity;
  let first = -1, second = -1;
  for (let k = 0; k < count; k++) {
    const error = errorOf(k);
    if (get(trialScale(k)) == 0) continue;
    if (error < error0) {
      error1 = error0;
      second = first;
      error0 = error;
      first = k;
    } else if (error < error1) {
      error1 = error;
      second = k;
    }
  }
  if (first < 0) {
    foundError = Infinity;
    return;
  }
  let best = first;
  refine(first, REFINED);
  refine(second < 0 ? first : second, REFINED + 1);
  correlate(x, w, n, REFINED, 2);
  for (let k = REFINED; k < REFINED + 2; k++) {
    if (get(trialScale(k)) == 0) continue;
    const error = errorOf(k);
    if (!(error < error0)) continue;
    error0 = error;
    best = k;
  }
  solve(best);
}
