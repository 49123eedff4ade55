/** Operations on rows of logits: [rows, n], n the vocabulary. Sums over a row are taken in float64. */
import {
  D, dadd, dmadd, dsum, dzero, LANES, V, vadd, vanyEqual, vloadPart, vmadd, vmax, vmaximum, vmul, vselectLess, vsplat,
  vstorePart, vsub,
} from './lanes';
import { vexp } from './exp';
import { shareStart } from './share';

/** Largest value; NaN when one is NaN. */
export function highest(x: usize, n: i32): f32 {
  let best = vsplat(-Infinity);
  for (let i = 0; i < n; i += LANES) best = vmax(best, vloadPart(x + (<usize>i << 2), n - i, -Infinity));
  return vmaximum(best);
}

/** Σ exp(x − shift). */
function sumOfExponentials(x: usize, n: i32, shift: f32): f64 {
  let sum = dzero();
  for (let i = 0; i < n; i += LANES) {
    sum = dadd(sum, vexp(vsub(vloadPart(x + (<usize>i << 2), n - i, -Infinity), vsplat(shift))));
  }
  return dsum(sum);
}

/** x[rows, n] → log-probabilities. */
export function logSoftmax(x: usize, rows: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = x + <usize>row * <usize>n * 4;
    const shift = highest(start, n);
    const logSum = vsplat(<f32>Math.log(sumOfExponentials(start, n, shift)));
    for (let i = 0; i < n; i += LANES) {
      const at = start + (<usize>i << 2);
      vstorePart(at, vsub(vsub(vloadPart(at, n - i, 0), vsplat(shift)), logSum), n - i);
    }
  }
}

/** Values whose sum is compared with the draw at once. */
const STRETCH: i32 = 64;

/**
 * First half of sampledScore, by rows: logits → −p, labels drawn by inverse CDF, curvature = 1 − |p|².
 */
export function sampleRows(
  logits: usize, uniform: usize, curvature: usize, labels: usize, rows: i32, n: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const x = logits + <usize>row * <usize>n * 4;
    const shift = highest(x, n);
    const total = exponentiate(x, n, shift);
    const label = findLabel(x, n, <f64>load<f32>(uniform + <usize>row * 4) * total);
    store<i32>(labels + <usize>row * 4, label);
    const factor = vsplat(<f32>(-1 / total));
    let squares = dzero();
    for (let i = 0; i < n; i += LANES) {
      const at = x + (<usize>i << 2);
      const p = vmul(vloadPart(at, n - i, 0), factor);
      squares = dmadd(p, p, squares);
      vstorePart(at, p, n - i);
    }
    store<f32>(curvature + <usize>row * 4, <f32>(1 - dsum(squares)));
  }
}

/** x = exp(x − shift); returns the sum. */
function exponentiate(x: usize, n: i32, shift: f32): f64 {
  let total = dzero();
  for (let i = 0; i < n; i += LANES) {
    const at = x + (<usize>i << 2);
    const weight = vexp(vsub(vloadPart(at, n - i, -Infinity), vsplat(shift)));
    total = dadd(total, weight);
    vstorePart(at, weight, n - i);
  }
  return dsum(total);
}

/** The first index whose weights up to and including it sum to more than `draw`; the last when none does. */
function findLabel(weights: usize, n: i32, draw: f64): i32 {
  let before: f64 = 0;
  let first = 0;
  for (; first < n; first += STRETCH) {
    let stretch = dzero();
    const end = min(n, first + STRETCH);
    for (let i = first; i < end; i += LANES) stretch = dadd(stretch, vloadPart(weights + (<usize>i << 2), end - i, 0));
    const after = before + dsum(stretch);
    if (after > draw) break;
    before = after;
  }
  for (let i = first; i < n; i++) {
    before += load<f32>(weights + (<usize>i << 2));
    if (before > draw) return i;
  }
  return n - 1;
}

/** Second half, by columns, so that sums over rows have one order: probability[n] += p (when given), g += onehot. */
export function sampleColumns(
  logits: usize, probability: usize, labels: usize, rows: i32, n: i32, ith: i32, nth: i32,
): void {
  const first = shareStart(n, 16, ith, nth);
  const end = shareStart(n, 16, ith + 1, nth);
  if (probability) {
    for (let i = first; i < end; i += LANES) {
      let sum = vsplat(0);
      let at = logits + (<usize>i << 2);
      for (let row = 0; row < rows; row++, at += <usize>n * 4) sum = vsub(sum, vloadPart(at, n - i, 0));
      const to = probability + (<usize>i << 2);
      vstorePart(to, vadd(vloadPart(to, n - i, 0), sum), n - i);
    }
  }
  for (let row = 0; row < rows; row++) {
    const label = load<i32>(labels + <usize>row * 4);
    if (label < first || label >= end) continue;
    const at = logits + (<usize>row * <usize>n + <usize>label) * 4;
    store<f32>(at, 1 + load<f32>(at));
  }
}

/** Index of the first value equal to `value`. */
function indexOf(x: usize, n: i32, value: f32): i32 {
  let i = 0;
  while (i + LANES <= n && !vanyEqual(vloadPart(x + (<usize>i << 2), LANES, 0), vsplat(value))) i += LANES;
  while (i < n - 1 && load<f32>(x + (<usize>i << 2)) != value) i++;
  return i;
}

/** Rows p, q [rows, n]: KL(softmax p ‖ softmax q), negative log-likelihoods of `labels`, agreement of the maxima. */
export function compareLogits(
  p: usize, q: usize, labels: usize, kl: usize, nllP: usize, nllQ: usize, agree: usize, rows: i32, n: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const x = p + <usize>row * <usize>n * 4;
    const y = q + <usize>row * <usize>n * 4;
    const at = <usize>row * 4;
    const highestX = highest(x, n), highestY = highest(y, n);
    const logX = <f64>highestX + Math.log(sumOfExponentials(x, n, highestX));
    const logY = <f64>highestY + Math.log(sumOfExponentials(y, n, highestY));
    store<f32>(kl + at, divergence(x, y, n, logX, logY));
    const label = load<i32>(labels + at);
    const offset = <usize>max(0, label) * 4;
    store<f32>(nllP + at, label < 0 ? 0 : <f32>(logX - load<f32>(x + offset)));
    store<f32>(nllQ + at, label < 0 ? 0 : <f32>(logY - load<f32>(y + offset)));
    store<f32>(agree + at, indexOf(x, n, highestX) == indexOf(y, n, highestY) ? 1 : 0);
  }
}

/** Below this the difference of log-probabilities is expanded in a series. */
const SMALL: f32 = 0.25;

/**
 * Σ p·log(p/q) as Σ p·(eᵈ − 1 − d), d = log q − log p: equal because Σ(q − p) = 0, but no term is negative and none
 * cancels, so that a divergence of 1e-9 keeps its digits.
 */
function divergence(x: usize, y: usize, n: i32, logX: f64, logY: f64): f32 {
  const shiftX = vsplat(<f32>logX);
  const shiftY = vsplat(<f32>logY);
  const shift = vsplat(<f32>(logY - logX));
  let sum: D = dzero();
  for (let i = 0; i < n; i += LANES) {
    const a = vloadPart(x + (<usize>i << 2), n - i, -Infinity);
    const b = vloadPart(y + (<usize>i << 2), n - i, -Infinity);
    const p = vexp(vsub(a, shiftX));
    const d = vsub(vsub(b, a), shift);
    sum = dadd(sum, term(p, d, vsub(b, shiftY)));
  }
  return <f32>dsum(sum);
}

// @ts-ignore: decorator
@inline function term(p: V, d: V, logQ: V): V {
  // (eᵈ − 1 − d)/d² = 1/2 + d/6 + d²/24 …, to 1e-9 of it for |d| ≤ SMALL.
  let series = vsplat(1.0 / 40320.0);
  series = vmadd(series, d, vsplat(1.0 / 5040.0));
  series = vmadd(series, d, vsplat(1.0 / 720.0));
  series = vmadd(series, d, vsplat(1.0 / 120.0));
  series = vmadd(series, d, vsplat(1.0 / 24.0));
  series = vmadd(series, d, vsplat(1.0 / 6.0));
  series = vmadd(series, d, vsplat(0.5));
  const near = vmul(p, vmul(vmul(d, d), series));
  const q = vexp(logQ);
  const far = vsub(vsub(q, p), vmul(p, d));
  const magnitude = vmax(d, vsub(vsplat(0), d));
  const whole = vselectLess(magnitude, vsplat(SMALL), near, far);
  // Where p is zero, p·d is not, if d is infinite.
  return vselectLess(p, vsplat(1e-38), q, whole);
}
