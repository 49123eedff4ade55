import { median } from '../support/median.ts';

/** Median of ratios with one-sided limits of 95 %. */
export interface Ratio {
  readonly median: number;
  /** The true median is above with 95 % confidence; 0 for fewer than 5 ratios. */
  readonly lower: number;
  /** The true median is below with 95 % confidence; Infinity for fewer than 5 ratios. */
  readonly upper: number;
}

const CONFIDENCE = 0.95;

/**
 * Limits are order statistics, so that neither outliers nor the distribution matter: the k-th smallest of n independent
 * ratios is above their true median unless k or more of them are below it, of which each is as with a coin.
 */
export function medianRatio(ratios: readonly number[]): Ratio {
  const sorted = ratios.toSorted((a, b) => a - b);
  const n = sorted.length;
  // Probability of exactly k of n coins, summed up to that of at most k.
  let exactly = 0.5 ** n;
  let atMost = exactly;
  let k = 0;
  while (k < n && atMost < CONFIDENCE) {
    exactly *= (n - k) / (k + 1);
    k++;
    atMost += exactly;
  }
  const limited = k < n;
  return { median: median(ratios), lower: limited ? sorted[n - 1 - k] : 0, upper: limited ? sorted[k] : Infinity };
}

/** Ratios of all cells as one, pair by pair: their geometric mean. @param cells [cells][pairs] */
export function jointRatios(cells: readonly (readonly number[])[]): number[] {
  return cells[0].map((_, pair) => Math.exp(cells.reduce((sum, cell) => sum + Math.log(cell[pair]), 0) / cells.length));
}
