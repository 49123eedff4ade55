import { type Flat, leastBy, used } from './flat.ts';
import { type Dual, pricedCost } from './lagrange.ts';
import { fits } from './problem.ts';

/**
 * Changes a choice by single steps until it keeps every budget, cheapest loss per unit of excess first, and then spends
 * what is left where it saves most. In place.
 *
 * @param choice flattened option per group
 * @param price loss per unit of each resource, which weighs them against each other
 * @returns whether the budgets could be kept
 */
export function complete(flat: Flat, choice: Int32Array, price: Float64Array): boolean {
  return repair(flat, choice) && fill(flat, choice, price);
}

/** Each group's best option at the dual's prices, made to fit; undefined where that fails. */
export function pricedPlan(flat: Flat, { price }: Dual): Int32Array | undefined {
  const choice = leastBy(flat, (option) => flat.loss[option] + pricedCost(flat, price, option));
  return complete(flat, choice, price) ? choice : undefined;
}

function repair(flat: Flat, choice: Int32Array): boolean {
  const amount = used(flat, choice);
  for (;;) {
    const excess = excessOf(flat, amount, choice[0], choice[0]);
    if (excess === 0) return true;
    const move = bestMove(flat, choice, (from, to) => {
      const less = excess - excessOf(flat, amount, from, to);
      return less > 0 ? (flat.loss[to] - flat.loss[from]) / less : Infinity;
    });
    if (move === undefined) return false;
    apply(flat, choice, amount, move);
  }
}

/** Sum of what each budget is exceeded by, relative to it, after one change. */
function excessOf({ cost, budget }: Flat, amount: Float64Array, from: number, to: number): number {
  let excess = 0;
  for (let r = 0; r < budget.length; r++) {
    const after = amount[r] - cost[r][from] + cost[r][to];
    if (!fits(after, budget[r])) excess += (after - budget[r]) / Math.max(1e-9, Math.abs(budget[r]));
  }
  return excess;
}

function fill(flat: Flat, choice: Int32Array, price: Float64Array): true {
  const amount = used(flat, choice);
  for (;;) {
    const move = bestMove(flat, choice, (from, to) => {
      const saved = flat.loss[from] - flat.loss[to];
      if (saved <= 0 || excessOf(flat, amount, from, to) > 0) return Infinity;
      const added = pricedCost(flat, price, to) - pricedCost(flat, price, from);
      return added <= 0 ? -Infinity : -saved / added;
    });
    if (move === undefined) return true;
    apply(flat, choice, amount, move);
  }
}

interface Move {
  readonly group: number;
  readonly to: number;
}

/** The change of one group with the least rank; none when all are Infinity. */
function bestMove({ start }: Flat, choice: Int32Array, rank: (from: number, to: number) => number): Move | undefined {
  let least = Infinity;
  let best: Move | undefined;
  for (let group = 0; group < choice.length; group++)
    for (let to = start[group]; to < start[group + 1]; to++) {
      if (to === choice[group]) continue;
      const value = rank(choice[group], to);
      if (value >= least) continue;
      least = value;
      best = { group, to };
    }
  return best;
}

function apply({ cost }: Flat, choice: Int32Array, amount: Float64Array, { group, to }: Move): void {
  for (let r = 0; r < cost.length; r++) amount[r] += cost[r][to] - cost[r][choice[group]];
  choice[group] = to;
}
