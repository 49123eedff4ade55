import type { ReducedGroups } from './reduce.ts';

/**
 * The steps of the linear relaxation: on the lower convex hull of each group, from one option to the next larger one,
 * all groups together in falling order of loss saved per unit of weight. Filling a budget in this order solves the
 * relaxation for every budget at once.
 *
 * @see Sinha and Zoltners, "The multiple-choice knapsack problem", Operations Research 27 (1979)
 */
export interface Steps {
  /** [steps] */
  readonly group: Int32Array;
  /** Option reached, as an index into the flattened options. [steps] */
  readonly to: Int32Array;
  readonly weight: Float64Array;
  /** Loss saved, > 0. [steps] */
  readonly saved: Float64Array;
}

export function hullSteps(reduced: ReducedGroups): Steps {
  const { start, weight, loss } = reduced;
  const capacity = loss.length;
  const group = new Int32Array(capacity);
  const to = new Int32Array(capacity);
  const stepWeight = new Float64Array(capacity);
  const saved = new Float64Array(capacity);
  const slope = new Float64Array(capacity);
  const hull = new Int32Array(capacity);
  const runs: number[] = [0];
  let count = 0;
  for (let g = 0; g + 1 < start.length; g++) {
    let top = 0;
    for (let i = start[g]; i < start[g + 1]; i++) {
      while (top > 1 && isAbove(hull[top - 2], hull[top - 1], i, weight, loss)) top--;
      hull[top++] = i;
    }
    for (let h = 1; h < top; h++, count++) {
      group[count] = g;
      to[count] = hull[h];
      stepWeight[count] = weight[hull[h]] - weight[hull[h - 1]];
      saved[count] = loss[hull[h - 1]] - loss[hull[h]];
      slope[count] = saved[count] / stepWeight[count];
    }
    if (count > runs[runs.length - 1]) runs.push(count);
  }
  const order = mergeRuns(slope, runs);
  return {
    group: order.map((s) => group[s]),
    to: order.map((s) => to[s]),
    weight: Float64Array.from(order, (s) => stepWeight[s]),
    saved: Float64Array.from(order, (s) => saved[s]),
  };
}

/**
 * Indices in falling order of key, from runs that fall already: each group's steps do. A stable merge sort, so that
 * steps of one group with slopes equal to the last bit keep their order.
 * @param runs where runs begin, then where the last ends
 */
function mergeRuns(key: Float64Array, runs: number[]): Int32Array {
  let from = Int32Array.from({ length: runs[runs.length - 1] }, (_, i) => i);
  let into = new Int32Array(from.length);
  while (runs.length > 2) {
    const merged: number[] = [0];
    for (let r = 0; r + 1 < runs.length; r += 2) {
      const middle = runs[r + 1];
      const end = runs[Math.min(r + 2, runs.length - 1)];
      let left = runs[r];
      let right = middle;
      for (let out = left; out < end; out++) {
        const takeLeft = left < middle && (right >= end || key[from[left]] >= key[from[right]]);
        into[out] = takeLeft ? from[left++] : from[right++];
      }
      merged.push(end);
    }
    runs = merged;
    [from, into] = [into, from];
  }
  return from;
}

/** Whether option b lies on or above the line from a to c, so that the hull does not need it. */
function isAbove(a: number, b: number, c: number, weight: Float64Array, loss: Float64Array): boolean {
  return (loss[a] - loss[b]) * (weight[c] - weight[b]) <= (loss[b] - loss[c]) * (weight[b] - weight[a]);
}

/** The relaxation's optimum for one capacity, with the whole steps taken and the one that did not fit. */
export interface Relaxation {
  /** Flattened option index per group after all whole steps. [groups] */
  readonly base: Int32Array;
  /** Capacity that the whole steps leave, in units of weight. ≥ 0. */
  readonly slack: number;
  /** Loss saved per unit of weight by the first step that does not fit: the budget's shadow price. 0 when all fit. */
  readonly price: number;
  /** Index of that step; the number of steps when all fit. */
  readonly breakStep: number;
  /** Group of that step; 0 when all fit. */
  readonly breakGroup: number;
}

/** @param capacity weight that the choices may take together, ≥ 0 */
export function relax(reduced: ReducedGroups, steps: Steps, capacity: number): Relaxation {
  const base = reduced.start.slice(0, -1);
  let slack = capacity;
  let step = 0;
  for (; step < steps.to.length && steps.weight[step] <= slack; step++) {
    base[steps.group[step]] = steps.to[step];
    slack -= steps.weight[step];
  }
  const price = step < steps.to.length ? steps.saved[step] / steps.weight[step] : 0;
  return { base, slack, price, breakStep: step, breakGroup: steps.group[step] ?? 0 };
}
