import { roundScale } from '../../../core/float16.ts';
import { loadBlock } from '../block.ts';

/** Sums Σ_k a_k·t_k of digits under scales: t_k in ±1, or in −1, 0, 1. */
export interface PlaneSums {
  readonly digits: 2 | 3;
  /** 2 or 3; at most 9 sums. */
  readonly planes: number;
}

/** Groups that get the scales of their planes. */
export interface PlaneTask {
  readonly sums: PlaneSums;
  /** [groups, PLANE_GROUP] */
  readonly values: Float32Array;
  /** Likewise, default all ones. */
  readonly importance: Float32Array | undefined;
  /** As binary16 stores them, not negative. [groups, planes] out */
  readonly scales: Float64Array;
}

/** Values that share scales. */
export const PLANE_GROUP = 128;

const ROUNDS = 16;
/** Alternation stops when the error falls by less than this factor. */
const LEAST_GAIN = 1 - 1e-6;
/** Ridge on the normal equations, relative to Σ w: planes may coincide. */
const RIDGE = 1e-9;
/** First scale, as a multiple of the mean magnitude (of the largest one where marked), and the ratio from plane to plane. */
const STARTS = [
  { of: 'mean', factor: 1, ratio: 0.5 },
  { of: 'mean', factor: 1.5, ratio: 1 / 3 },
  { of: 'largest', factor: 0.6, ratio: 0.5 },
  { of: 'mean', factor: 1.2, ratio: 0.75 },
  { of: 'mean', factor: 1.3, ratio: 0.25 },
  { of: 'mean', factor: 2, ratio: 0.5 },
] as const;

const x = new Float64Array(PLANE_GROUP);
const w = new Float64Array(PLANE_GROUP);

/**
 * Scales with the least Σ w (x − nearest sum)² found: nearest sums and least squares for their digits in turn, from several
 * starts. @see Xu et al., "Alternating Multi-bit Quantization", ICLR 2018, section 3
 */
export function searchPlanes({ sums, values, importance, scales }: PlaneTask): void {
  const search = new PlaneSearch(sums);
  for (let from = 0, at = 0; from < values.length; from += PLANE_GROUP, at += sums.planes) {
    loadBlock(values, importance, from, PLANE_GROUP, x, w);
    scales.set(search.run(), at);
  }
}

/** The value of every sum, digit k of its index being that of plane k; added up in float32 from 0 on. */
export function sumLevels({ digits, planes }: PlaneSums, scales: ArrayLike<number>, levels: Float32Array): void {
  for (let sum = 0; sum < levels.length; sum++) {
    let value = 0;
    for (let k = 0, rest = sum; k < planes; k++, rest = Math.floor(rest / digits))
      value = Math.fround(value + scales[k] * digitOf(digits, rest % digits));
    levels[sum] = value;
  }
}

/** What a code of a plane stands for. */
export function digitOf(digits: 2 | 3, code: number): number {
  return digits === 2 ? 2 * code - 1 : code - 1;
}

class PlaneSearch {
  readonly #sums: PlaneSums;
  readonly #levels: Float32Array;
  /** Σ w and Σ w x of the values that took each sum. */
  readonly #weight: Float64Array;
  readonly #moment: Float64Array;

  constructor(sums: PlaneSums) {
    this.#sums = sums;
    this.#levels = new Float32Array(sums.digits ** sums.planes);
    this.#weight = new Float64Array(this.#levels.length);
    this.#moment = new Float64Array(this.#levels.length);
  }

  /** Scales of the group in x and w. */
  run(): number[] {
    let best = new Array<number>(this.#sums.planes).fill(0);
    let bestError = this.#assign(best);
    for (const start of this.#starts()) {
      let scales = start.map(roundScale);
      let last = Infinity;
      for (let round = 0; round < ROUNDS; round++) {
        const error = this.#assign(scales);
        if (error < bestError) {
          bestError = error;
          best = scales;
        }
        if (!(error < last * LEAST_GAIN)) break;
        last = error;
        scales = this.#solve().map((scale) => roundScale(Math.abs(scale)));
      }
    }
    return best;
  }

  /** Greedy residuals, from the mean or from the extremes of the group; two planes also from its smallest magnitude. */
  #starts(): number[][] {
    const { planes } = this.#sums;
    let moment = 0;
    let weight = 0;
    let largest = 0;
    let smallest = Infinity;
    for (let i = 0; i < PLANE_GROUP; i++) {
      const magnitude = Math.abs(x[i]);
      moment += w[i] * magnitude;
      weight += w[i];
      largest = Math.max(largest, magnitude);
      if (magnitude > 0) smallest = Math.min(smallest, magnitude);
    }
    if (smallest === Infinity) smallest = 0;
    const mean = moment / weight;
    const greedy = STARTS.map(({ of, factor, ratio }) => {
      const scales = [factor * (of === 'mean' ? mean : largest)];
      while (scales.length < planes) scales.push(scales[scales.length - 1] * ratio);
      return scales;
    });
    if (planes !== 2) return greedy;
    const difference = largest - smallest;
    const middle = [(largest + smallest) / 2, difference / 2];
    return [...greedy, middle, [smallest, difference], [difference, smallest]];
  }

  /**
   * Gives every value the first of its nearest sums, by distances in float32. @returns the weighted error, values of even
   * and odd index apart
   */
  #assign(scales: readonly number[]): number {
    const levels = this.#levels;
    sumLevels(this.#sums, scales, levels);
    this.#weight.fill(0);
    this.#moment.fill(0);
    let even = 0;
    let odd = 0;
    for (let i = 0; i < PLANE_GROUP; i++) {
      const sum = nearest(levels, x[i]);
      const difference = x[i] - levels[sum];
      const error = w[i] * difference * difference;
      if (i & 1) odd += error;
      else even += error;
      this.#weight[sum] += w[i];
      this.#moment[sum] += w[i] * x[i];
    }
    return even + odd;
  }

  /** Least squares for the sums that `#assign` chose. */
  #solve(): number[] {
    const { digits, planes: n } = this.#sums;
    const a = Array.from({ length: n }, () => new Float64Array(n + 1));
    for (let sum = 0; sum < this.#levels.length; sum++) {
      const t = (k: number) => digitOf(digits, Math.floor(sum / digits ** k) % digits);
      for (let r = 0; r < n; r++) {
        for (let c = 0; c < n; c++) a[r][c] += this.#weight[sum] * t(r) * t(c);
        a[r][n] += this.#moment[sum] * t(r);
      }
    }
    return solve(a);
  }
}

/** Index of the first level nearest to a finite value. */
function nearest(levels: Float32Array, value: number): number {
  let best = 0;
  let least = Infinity;
  for (let k = 0; k < levels.length; k++) {
    const distance = Math.abs(Math.fround(levels[k] - value));
    if (distance < least) {
      least = distance;
      best = k;
    }
  }
  return best;
}

/** Gaussian elimination of [n, n + 1], with a small ridge. */
function solve(a: Float64Array[]): number[] {
  const n = a.length;
  for (let i = 0; i < n; i++) a[i][i] *= 1 + RIDGE;
  for (let i = 0; i < n; i++) {
    if (a[i][i] === 0) a[i][i] = 1;
    for (let r = i + 1; r < n; r++) {
      const factor = a[r][i] / a[i][i];
      for (let c = i; c <= n; c++) a[r][c] -= factor * a[i][c];
    }
  }
  const scales = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = a[i][n];
    for (let c = i + 1; c < n; c++) sum -= a[i][c] * scales[c];
    scales[i] = sum / a[i][i];
  }
  return scales;
}
