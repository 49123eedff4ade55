import { type Flat, leastBy, used } from './flat.ts';

/** Prices of resources and the lower bound of the summed loss that they prove. */
export interface Dual {
  readonly bound: number;
  /** Loss per unit of each resource, ≥ 0. [resources] */
  readonly price: Float64Array;
}

const ITERATIONS = 200;

/** Iterations without a better bound after which steps are halved. */
const PATIENCE = 8;

/**
 * Lower bound of the summed loss under any number of budgets: resources are priced and budgets let go, so that groups
 * decide alone; prices are raised where the budget is exceeded. With good prices the bound is the linear relaxation's.
 *
 * @see Fisher, "The Lagrangian relaxation method for solving integer programming problems", Management Science 27 (1981)
 */
export function lagrangian(flat: Flat): Dual {
  const { cost, budget } = flat;
  const unit = budget.map((value) => 1 / Math.max(1, Number.isFinite(value) ? Math.abs(value) : 1));
  let price: Float64Array = new Float64Array(cost.length);
  let best: Dual = { bound: -Infinity, price };
  let ambition = 1;
  let idle = 0;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const { bound, excess } = evaluate(flat, price);
    if (bound > best.bound + 1e-9 * Math.abs(best.bound)) idle = 0;
    else if (++idle === PATIENCE) {
      ambition /= 2;
      idle = 0;
    }
    if (bound > best.bound) best = { bound, price };
    const slope = excess.map((value, r) => (Number.isFinite(value) ? value * unit[r] : 0));
    const norm = slope.reduce((sum, value) => sum + value * value, 0);
    if (norm === 0 || ambition < 1e-6) break;
    // Polyak's step towards a bound that is hoped for.
    const hope = ambition * Math.max(Math.abs(best.bound), 1e-12);
    const step = (best.bound - bound + hope) / norm;
    const from: Float64Array = idle === 0 && ambition < 1 ? best.price : price;
    price = from.map((value, r) => Math.max(0, value + step * slope[r] * unit[r]));
  }
  return best;
}

function evaluate(flat: Flat, price: Float64Array): { bound: number; excess: Float64Array } {
  const { loss, budget } = flat;
  const priced = (option: number): number => loss[option] + pricedCost(flat, price, option);
  const choice = leastBy(flat, priced);
  let bound = choice.reduce((sum, option) => sum + priced(option), 0);
  for (let r = 0; r < budget.length; r++) if (price[r] > 0) bound -= price[r] * budget[r];
  return { bound, excess: used(flat, choice).map((amount, r) => amount - budget[r]) };
}

/** Σ price × cost of one option. */
export function pricedCost({ cost }: Flat, price: Float64Array, option: number): number {
  let sum = 0;
  for (let r = 0; r < cost.length; r++) sum += price[r] * cost[r][option];
  return sum;
}
