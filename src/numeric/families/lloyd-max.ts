/**
 * The levels that quantize a unit Gaussian with the least squared error: each is the mean of its cell, each boundary the
 * midpoint of two levels.
 * @see Max, "Quantizing for Minimum Distortion", 1960; Lloyd, "Least Squares Quantization in PCM", 1982
 * @returns [2^bits] ascending, symmetric
 */
export function lloydMaxLevels(bits: number): Float64Array {
  const half = 2 ** (bits - 1);
  // positive levels, started at equal spacing
  const levels = Float64Array.from({ length: half }, (_, i) => ((i + 0.5) * 3) / half);
  for (let round = 0; round < ROUNDS; round++) {
    let low = 0;
    for (let i = 0; i < half; i++) {
      const high = i + 1 < half ? (levels[i] + levels[i + 1]) / 2 : Infinity;
      levels[i] = (density(low) - density(high)) / (distribution(high) - distribution(low));
      low = high;
    }
  }
  return Float64Array.from({ length: 2 * half }, (_, i) => (i < half ? -levels[half - 1 - i] : levels[i - half]));
}

/** Enough for 1e-6 at 5 bits. */
const ROUNDS = 1500;

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** Gaussian distribution function for x ≥ 0, to 1e-7. @see Abramowitz and Stegun, formula 26.2.17 */
function distribution(x: number): number {
  if (x === Infinity) return 1;
  const t = 1 / (1 + 0.2316419 * x);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - density(x) * poly;
}
