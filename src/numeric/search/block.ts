/**
 * One block made ready for the scale searches. The rules for odd input, the same in every format:
 * NaN and ±Inf take no part in the search (importance 0); when codes are chosen NaN becomes the level nearest to 0 and
 * ±Inf the outermost level. Importance that is negative or not finite counts as 0, and every value keeps a millionth of
 * the mean importance, so that the search is well defined where all importances are 0.
 */
const MINIMUM_IMPORTANCE = 1e-6;

/**
 * Copies `n` values and their importance, starting at `from`, into `x` and `w`.
 * @param importance same indices as `values`; default all ones
 * @param x [n] out, finite
 * @param w [n] out, positive; without importance 0 where the value is not finite
 */
export function loadBlock(
  values: Float32Array,
  importance: Float32Array | undefined,
  from: number,
  n: number,
  x: Float64Array,
  w: Float64Array,
): void {
  let even = 0; // elements of even and odd index apart: lanes of a vector
  let odd = 0;
  for (let i = 0; i < n; i++) {
    const value = values[from + i];
    const weight = importance === undefined ? 1 : importance[from + i];
    const isUsable = value - value === 0 && weight >= 0 && weight < Infinity;
    x[i] = value - value === 0 ? value : 0;
    w[i] = isUsable ? weight : 0;
    if (i & 1) odd += w[i];
    else even += w[i];
  }
  const sum = even + odd;
  // no importance and no usable one give the same weights
  const least = importance === undefined ? 0 : MINIMUM_IMPORTANCE;
  const floor = sum > 0 ? (least * sum) / n : 1;
  for (let i = 0; i < n; i++) w[i] += floor;
}
