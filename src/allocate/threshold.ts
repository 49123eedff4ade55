import { type Flat, leastBy, used } from './flat.ts';
import { fits } from './problem.ts';

/** The least loss that no group need exceed within each budget alone. */
export interface Threshold {
  /** Lower bound of the largest loss; with one budget it can be reached. −Infinity without groups. */
  readonly loss: number;
  /** The cheapest options at or below it, in the first resource. [groups] flattened */
  readonly choice: Int32Array;
}

/** Bisection over the losses that occur. Undefined when not even the cheapest options fit. */
export function threshold(flat: Flat): Threshold | undefined {
  const groups = flat.start.length - 1;
  if (groups === 0) return { loss: -Infinity, choice: new Int32Array(0) };
  // No threshold below some group's least loss leaves that group an option.
  const lowest = leastBy(flat, (i) => flat.loss[i]).reduce((most, i) => Math.max(most, flat.loss[i]), -Infinity);
  const values = Float64Array.from(new Set(flat.loss.filter((loss) => loss >= lowest))).sort();
  let low = 0;
  let high = values.length - 1;
  if (!withinEach(flat, values[high])) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (withinEach(flat, values[middle])) high = middle;
    else low = middle + 1;
  }
  return { loss: values[high], choice: cheapest(flat, values[high], 0) };
}

function withinEach(flat: Flat, most: number): boolean {
  return flat.cost.every((_, r) => fits(used(flat, cheapest(flat, most, r))[r], flat.budget[r]));
}

function cheapest(flat: Flat, most: number, resource: number): Int32Array {
  const { loss, cost } = flat;
  return leastBy(flat, (i) => (loss[i] > most ? Infinity : (cost[resource]?.[i] ?? loss[i])));
}
