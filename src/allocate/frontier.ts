import { type ReducedGroups, reduceGroups } from './knapsack/reduce.ts';
import { hullSteps } from './knapsack/relaxation.ts';
import type { FrontierPoint, Group } from './types.ts';

/**
 * The whole lower convex frontier of one resource, from the smallest plan (each group's smallest option) to the one of
 * least loss, in ascending cost. One pass over the sorted steps: about a millisecond per 10,000 options.
 *
 * @throws UsageError when a number is not usable or a group has no options
 */
export function frontier(groups: readonly Group[], resource: string): FrontierPoint[] {
  const reduced = reduceGroups(groups, resource);
  const steps = hullSteps(reduced);
  const choice = smallest(reduced);
  let cost = reduced.range.least;
  let loss = 0;
  let variance = 0;
  for (let g = 0; g < groups.length; g++) {
    loss += groups[g].options[choice[g]].loss;
    variance += (groups[g].options[choice[g]].lossError ?? 0) ** 2;
  }
  const points: FrontierPoint[] = [{ cost, loss, lossError: Math.sqrt(variance), group: -1, option: -1 }];
  for (let s = 0; s < steps.to.length; s++) {
    const g = steps.group[s];
    const before = groups[g].options[choice[g]];
    choice[g] = reduced.option[steps.to[s]];
    const after = groups[g].options[choice[g]];
    cost += after.costs[resource] - before.costs[resource];
    loss -= steps.saved[s];
    variance += (after.lossError ?? 0) ** 2 - (before.lossError ?? 0) ** 2;
    points.push({ cost, loss, lossError: Math.sqrt(Math.max(0, variance)), group: g, option: choice[g] });
  }
  return points;
}

/** Option index per group of the point `index` of `frontier(groups, resource)`. */
export function frontierChoice(
  groups: readonly Group[],
  resource: string,
  points: readonly FrontierPoint[],
  index: number,
): number[] {
  const choice = smallest(reduceGroups(groups, resource));
  for (let p = 1; p <= index; p++) choice[points[p].group] = points[p].option;
  return choice;
}

function smallest({ groups, start, option }: ReducedGroups): number[] {
  return Array.from(groups, (_, g) => option[start[g]]);
}
