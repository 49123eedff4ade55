/*
 * The searches of llama-quantize: one scale, one scale with a minimum, integers for scales. They try a fixed ladder of scales around
 * the one that reaches the largest value, and keep the least weighted squared error.
 * @see llama.cpp ggml-quants.c, make_qx_quants, make_qkx2_quants, make_qkx3_quants, make_qp_quants
 */

/** Below this all values of a group count as zero. */
export const NOTHING = 1e-15;

/**
 * Scale of signed codes −n … n − 1, tried at −(n + 0.1·s) / x_max for s = −9 … 9.
 * @param weights of squared errors, same places as `x`; undefined: x²
 */
export function signedScale(x: Float32Array, from: number, count: number, n: number, weights?: Float32Array): number {
  let max = 0;
  for (let i = from; i < from + count; i++) if (Math.abs(x[i]) > Math.abs(max)) max = x[i];
  if (Math.abs(max) < NOTHING) return 0;
  let scale = 0;
  let best = Number.NEGATIVE_INFINITY;
  const attempt = (inverse: number): void => {
    let xl = 0;
    let ll = 0;
    for (let i = from; i < from + count; i++) {
      const code = Math.max(-n, Math.min(n - 1, Math.round(inverse * x[i])));
      const weight = weights === undefined ? x[i] * x[i] : weights[i];
      xl += weight * x[i] * code;
      ll += weight * code * code;
    }
    if (ll > 0 && xl * xl > best * ll) [scale, best] = [xl / ll, (xl * xl) / ll];
  };
  attempt(-n / max);
  for (let step = -9; step <= 9; step++) if (step !== 0) attempt(-(n + 0.1 * step) / max);
  return scale;
}

/** Which scales the affine search tries: (n + first + step·s) / (max − min) for s = 0 … steps. */
export interface Ladder {
  readonly first: number;
  readonly step: number;
  readonly steps: number;
}

/**
 * Scale and minimum ≤ 0 of codes 0 … n, both fitted to the codes of every scale that is tried.
 * @param weights of squared errors. [count]
 * @returns scale, and the minimum's size
 */
export function affineScale(
  x: Float32Array,
  from: number,
  n: number,
  weights: Float32Array,
  ladder: Ladder,
): readonly [scale: number, minimum: number] {
  const count = weights.length;
  let [min, max, w1, wx] = [x[from], x[from], 0, 0];
  for (let i = 0; i < count; i++) {
    const value = x[from + i];
    if (value < min) min = value;
    if (value > max) max = value;
    w1 += weights[i];
    wx += weights[i] * value;
  }
  if (min > 0) min = 0;
  if (max <= min) return [0, -min];
  const codeAt = (i: number, inverse: number): number =>
    Math.max(0, Math.min(n, Math.round(inverse * (x[from + i] - min))));
  let scale = (max - min) / n;
  const error = (inverse: number, tried: number, minimum: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += weights[i] * (tried * codeAt(i, inverse) + minimum - x[from + i]) ** 2;
    return sum;
  };
  let best = error(1 / scale, scale, min);
  for (let s = 0; s <= ladder.steps; s++) {
    // Codes begin at the minimum found last, as theirs do.
    const inverse = (ladder.first + ladder.step * s + n) / (max - min);
    let [wl, wll, wxl] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const code = codeAt(i, inverse);
      wl += weights[i] * code;
      wll += weights[i] * code * code;
      wxl += weights[i] * code * x[from + i];
    }
    const determinant = w1 * wll - wl * wl;
    if (!(determinant > 0)) continue;
    let tried = (w1 * wxl - wx * wl) / determinant;
    let minimum = (wll * wx - wl * wxl) / determinant;
    if (minimum > 0) [tried, minimum] = [wxl / wll, 0];
    const squares = error(inverse, tried, minimum);
    if (squares < best) [best, scale, min] = [squares, tried, minimum];
  }
  return [scale, -min];
}

/**
 * Integers 0 … n for positive values that share a scale, improved one by one.
 * @returns the scale; integers are written to `out`
 */
export function sharedScale(x: Float64Array, n: number, weights: Float64Array, out: Int32Array): number {
  const max = Math.max(0, ...x);
  out.fill(0);
  if (max < NOTHING) return 0;
  const codeAt = (inverse: number, value: number): number => Math.min(n, Math.round(inverse * value));
  let inverse = n / max;
  let least = Number.POSITIVE_INFINITY;
  for (const step of [0, -4, -3, -2, -1, 1, 2, 3, 4]) {
    const tried = (n + 0.1 * step) / max;
    const squares = x.reduce((sum, value, i) => sum + weights[i] * (value - codeAt(tried, value) / tried) ** 2, 0);
    if (squares < least) [least, inverse] = [squares, tried];
  }
  let [xl, ll] = [0, 0];
  for (const [i, value] of x.entries()) {
    out[i] = codeAt(inverse, value);
    xl += weights[i] * value * out[i];
    ll += weights[i] * out[i] ** 2;
  }
  for (let pass = 0; pass < 5; pass++) {
    let changed = false;
    for (const [i, value] of x.entries()) {
      const restXl = xl - weights[i] * value * out[i];
      const restLl = ll - weights[i] * out[i] ** 2;
      if (!(restXl > 0 && restLl > 0)) continue;
      const code = Math.min(n, Math.round((value * restLl) / restXl));
      const [newXl, newLl] = [restXl + weights[i] * value * code, restLl + weights[i] * code ** 2];
      if (code === out[i] || !(newXl * newXl * ll > xl * xl * newLl)) continue;
      [out[i], xl, ll, changed] = [code, newXl, newLl, true];
    }
    if (!changed) break;
  }
  return ll > 0 ? xl / ll : 0;
}
