import { UsageError } from '../../core/errors.ts';
import type { Group, Range } from '../types.ts';

/**
 * Groups as the knapsack works on them, for one resource: every group's useful options in ascending order of weight and strictly descending
 * order of loss, flattened. Option i of group g stands at `start[g] + i`, and option 0 of each group weighs nothing.
 */
export interface ReducedGroups {
  readonly groups: readonly Group[];
  readonly resource: string;
  /** [groups + 1] */
  readonly start: Int32Array;
  /** Cost above the group's smallest option, in units of `unit`. [options] */
  readonly weight: Float64Array;
  /** [options] */
  readonly loss: Float64Array;
  /** Index in `groups[g].options`. [options] */
  readonly option: Int32Array;
  /** Greatest common divisor of all differences in cost; 0 where costs are not whole numbers, and weights are costs. */
  readonly unit: number;
  readonly range: Range;
}

/**
 * Checks the groups and drops every option that another of its group beats or equals in cost and in loss.
 *
 * @throws UsageError for a group without options, and for costs or losses that are not usable numbers
 */
export function reduceGroups(groups: readonly Group[], resource: string): ReducedGroups {
  const start = new Int32Array(groups.length + 1);
  const total = groups.reduce((sum, group) => sum + group.options.length, 0);
  const cost = new Float64Array(total);
  const loss = new Float64Array(total);
  const option = new Int32Array(total);
  let count = 0;
  let least = 0;
  let most = 0;
  let largestGroup = '';
  let largest = -1;
  for (let g = 0; g < groups.length; g++) {
    const { id, options } = groups[g];
    let groupMost = 0;
    for (const candidate of options) {
      checkOption(id, candidate, resource);
      if (candidate.costs[resource] > groupMost) groupMost = candidate.costs[resource];
    }
    start[g] = count;
    for (const index of undominated(options, resource)) {
      cost[count] = options[index].costs[resource];
      loss[count] = options[index].loss;
      option[count++] = index;
    }
    if (count === start[g]) throw new UsageError(`group ${id} has no options; give it at least one`);
    const groupLeast = cost[start[g]];
    if (groupLeast > largest) {
      largest = groupLeast;
      largestGroup = id;
    }
    least += groupLeast;
    most += groupMost;
  }
  start[groups.length] = count;
  const unit = toWeights(cost, start);
  return {
    groups,
    resource,
    start,
    weight: cost.subarray(0, count),
    loss: loss.subarray(0, count),
    option: option.subarray(0, count),
    unit,
    range: { least, most, largestGroup },
  };
}

/** @throws UsageError for numbers that no solver can use */
export function checkOption(group: string, candidate: Group['options'][number], resource: string): void {
  const cost = candidate.costs[resource];
  if (!(cost >= 0 && cost <= Number.MAX_SAFE_INTEGER))
    throw new UsageError(`group ${group} option ${candidate.id}: ${resource} is ${cost}, expected a finite number ≥ 0`);
  if (!Number.isFinite(candidate.loss))
    throw new UsageError(`group ${group} option ${candidate.id}: loss is ${candidate.loss}, expected a finite number`);
}

/** Indices of the options no other option makes useless, ascending in cost. The first of equals stays. */
function undominated(options: Group['options'], resource: string): number[] {
  const order = options.map((_, index) => index);
  const cost = options.map((option) => option.costs[resource]);
  if (!cost.every((value, index) => index === 0 || cost[index - 1] < value))
    order.sort((a, b) => cost[a] - cost[b] || options[a].loss - options[b].loss || a - b);
  let best = Number.POSITIVE_INFINITY;
  return order.filter((index) => {
    if (options[index].loss >= best) return false;
    best = options[index].loss;
    return true;
  });
}

/** Turns costs into weights above the group's smallest option, in units of their common divisor, which it returns. */
function toWeights(cost: Float64Array, start: Int32Array): number {
  let unit = 0;
  let whole = true;
  for (let g = 0; g + 1 < start.length; g++) {
    const base = cost[start[g]];
    for (let i = start[g]; i < start[g + 1]; i++) {
      cost[i] -= base;
      whole &&= Number.isInteger(cost[i]);
      if (whole) unit = greatestCommonDivisor(cost[i], unit);
    }
  }
  if (!whole) return 0;
  unit = Math.max(unit, 1);
  for (let i = 0; i < start[start.length - 1]; i++) cost[i] /= unit;
  return unit;
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

/** Sums of fractional costs may differ by this share. */
const FRACTIONAL_TOLERANCE = 1e-12;

/** Weight that a budget leaves above the smallest options; negative when not even those fit. */
export function capacity({ range, unit }: ReducedGroups, budget: number): number {
  if (unit > 0) return Math.floor((budget - range.least) / unit);
  const tolerance = FRACTIONAL_TOLERANCE * Math.max(range.least, Math.min(Math.abs(budget), range.most));
  return budget + tolerance < range.least ? -1 : Math.max(0, budget - range.least);
}
