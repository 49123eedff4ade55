import { capacity, type ReducedGroups, reduceGroups } from '../knapsack/reduce.ts';
import { type Answer, resourceOf, type Solver } from './types.ts';

/** Cells of the table: group × weight, one byte each. */
const MOST_CELLS = 64_000_000;

export const dynamic: Solver = {
  name: 'dynamic',
  summary: 'dynamic programming over every weight; exact where the table fits in memory, else on a coarser grid',
  exact: false,
  source: 'Bellman 1957; the allocator of AutoRound',
  budgets: 'one',
  objectives: ['sum'],
  couplings: [],
  mostOptions: 50_000,
  solve(problem): Answer {
    const resource = resourceOf(problem);
    const reduced = reduceGroups(problem.groups, resource);
    const most = reduced.range.most - reduced.range.least;
    const room = capacity(reduced, Math.min(problem.budgets[resource], reduced.range.least + most));
    const cells = Math.floor(MOST_CELLS / Math.max(1, problem.groups.length));
    const whole = reduced.unit > 0 && room < cells;
    // Weights rounded up never exceed the budget, but may leave some of it.
    const scale = whole ? 1 : cells / Math.max(room, Number.MIN_VALUE);
    const choice = fillTable(reduced, whole ? room : cells, (weight) => (whole ? weight : Math.ceil(weight * scale)));
    return { choice, proven: whole };
  },
};

/** Least loss for every weight up to `room`, group after group, and the choice that reaches the last. */
function fillTable(
  { start, weight, loss, option }: ReducedGroups,
  room: number,
  round: (weight: number) => number,
): number[] {
  const groups = start.length - 1;
  let best = new Float64Array(room + 1);
  let next = new Float64Array(room + 1);
  // [groups, room + 1] option within its group
  const taken = new Uint8Array(groups * (room + 1));
  for (let g = 0; g < groups; g++) {
    next.fill(Infinity);
    const row = taken.subarray(g * (room + 1), (g + 1) * (room + 1));
    for (let i = start[g]; i < start[g + 1]; i++) {
      const step = round(weight[i]);
      for (let at = step; at <= room; at++) {
        const sum = best[at - step] + loss[i];
        if (sum >= next[at]) continue;
        next[at] = sum;
        row[at] = i - start[g];
      }
    }
    [best, next] = [next, best];
  }
  const choice: number[] = new Array(groups);
  for (let g = groups - 1, at = room; g >= 0; g--) {
    const i = start[g] + taken[g * (room + 1) + at];
    choice[g] = option[i];
    at -= round(weight[i]);
  }
  return choice;
}
