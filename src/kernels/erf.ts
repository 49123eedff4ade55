/** From here on, erf is 1 in float64. */
const ERF_IS_ONE = 6;

/**
 * 2/√π · exp(−x²) · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n + 1)), whose terms have one sign.
 * @see Abramowitz and Stegun, "Handbook of mathematical functions" (1964), equation 7.1.6
 */
export function erf(x: number): number {
  if (!(Math.abs(x) < ERF_IS_ONE)) return Number.isNaN(x) ? x : Math.sign(x);
  let [sum, term] = [x, x];
  for (let n = 1; Math.abs(term) > Math.abs(sum) * Number.EPSILON; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
