/** Values low + step·m of one sub-block, m = 0 … span; where values are rounded, as far as float32 tells. */
export interface Lattice {
  low: number;
  high: number;
  /** How many steps there are from low to high; 0 where all values are the same, BLURRED where rounding hides the steps. */
  span: number;
  /** How far high − low may be off by rounding. */
  tolerance: number;
}

export const BLURRED = -1;

const ULP = 2 ** -23;
/** Ulps of the largest value by which a difference may be off a multiple of range/k: one of its own, one of the range's. */
const SLACK = 3;
/** What that grows to in Euclid's algorithm, at most. */
const GROWTH = 64;

/**
 * Finds the lattice with the largest step on which `n` values from `from` on lie, all within `most` steps. For ordinary weights
 * there is none, which a few values tell.
 * @param lattice out
 * @returns whether there is one, or may be
 */
export function findLattice(values: Float32Array, from: number, n: number, most: number, lattice: Lattice): boolean {
  let low = values[from];
  let high = low;
  for (let i = from; i < from + n; i++) {
    const value = values[i];
    if (value - value !== 0) return false;
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  const range = high - low;
  const least = range / most;
  const ulp = ULP * Math.max(high, -low);
  const slack = SLACK * ulp;
  lattice.low = low;
  lattice.high = high;
  lattice.tolerance = ulp;
  lattice.span = range === 0 ? 0 : BLURRED;
  if (slack >= least / 2) return true;
  if (GROWTH * slack >= least / 2) {
    // such values are nearly the same: Euclid's algorithm would take their errors for steps
    const differences = Float64Array.from({ length: n }, (_, i) => values[from + i] - low);
    lattice.span = spanByTrial(differences, range, most, slack);
    return lattice.span > 0;
  }
  let step = range;
  for (let i = from; i < from + n; i++) {
    const difference = values[i] - low;
    const rest = distance(difference, step);
    if (rest <= slack) continue;
    step = range / Math.round(range / divisor(step, rest, GROWTH * slack, least / 2));
    if (!(step >= least - slack && distance(difference, step) <= slack)) return false; // NaN, too
  }
  lattice.span = Math.round(range / step);
  return true;
}

/** From the nearest multiple of a step. */
function distance(value: number, step: number): number {
  return Math.abs(value - step * Math.round(value / step));
}

/** The smallest number of steps on which all values lie; 0 where there is none. */
function spanByTrial(differences: Float64Array, range: number, most: number, slack: number): number {
  for (let span = 1; span <= most; span++)
    if (differences.every((difference) => distance(difference, range / span) <= slack)) return span;
  return 0;
}

/**
 * Euclid's algorithm on numbers that are a little off: what is less than `zero` counts as that.
 * @returns NaN where a remainder is neither that nor at least `least`
 */
function divisor(a: number, b: number, zero: number, least: number): number {
  while (b >= least) {
    const rest = distance(a, b);
    if (rest < zero) return b;
    a = b;
    b = rest;
  }
  return Number.NaN;
}
