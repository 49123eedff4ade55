import type { Work } from '../work.ts';
import type { ReducedGroups } from './reduce.ts';
import type { Relaxation } from './relaxation.ts';

/**
 * Dynamic programming over an expanding core. Starting from the relaxation's whole steps, groups are opened one by one,
 * those first in which a change costs least per unit of weight; a state is what the opened groups have chosen.
 *
 * Costs are Lagrangian: a state's `cost` is Σ of its choices' reduced costs at the relaxation's price, so that every
 * completion within the budget loses at least `relaxed bound + cost`, and exactly that plus price × unused weight.
 * A state that provably cannot beat the best plan known, or that another state beats in weight and in loss, is dropped;
 * when no state is left, the best plan known is optimal.
 *
 * @see Pisinger, "A minimal algorithm for the multiple-choice knapsack problem", EJOR 83 (1995)
 */
export interface CoreResult {
  /** Flattened option index per group. [groups] */
  readonly choice: Int32Array;
  /** Loss of `choice` above the relaxed bound. ≥ 0. */
  readonly excess: number;
  /** Proven least excess of any plan; equals `excess` when optimality is proven. */
  readonly excessBound: number;
  /** Most states alive at once. */
  readonly states: number;
}

/** About 160 MB of states; instances that need more are not proven within any patience. */
const STATE_LIMIT = 8_000_000;

/** Plans whose losses differ by less than this share of the loss are one and the same to float64 sums. */
const ROUNDING = 1e-12;

/** @param work when it is spent, the search stops with what is known */
export function solveCore(reduced: ReducedGroups, relaxation: Relaxation, start: Incumbent, work: Work): CoreResult {
  const { slack, price, base } = relaxation;
  const core = openGroups(reduced, relaxation, start.excess);
  const tolerance = ROUNDING * (start.excess + base.reduce((sum, option) => sum + Math.abs(reduced.loss[option]), 0));
  const search: Search = {
    slack,
    price,
    work,
    tolerance,
    trail: new Trail(),
    excess: start.excess,
    node: 0,
    improved: false,
  };
  let states = new StateList();
  states.push(0, 0, 0);
  let most = 1;
  let excessBound = start.excess;
  for (let c = 0; states.length > 0; c++) {
    if (c === core.length) break;
    const next = expand(states, core[c], search);
    if (next === undefined) {
      excessBound = Math.min(leastBound(states, core[c], search), search.excess);
      break;
    }
    states = next;
    most = Math.max(most, states.length);
    excessBound = search.excess;
  }
  const choice = search.improved ? base.slice() : start.choice;
  if (search.improved) search.trail.replay(search.node, choice);
  return { choice, excess: search.excess, excessBound, states: most };
}

/** A plan within the budget. */
export interface Incumbent {
  /** Flattened option index per group. [groups] */
  readonly choice: Int32Array;
  /** Loss above the relaxed bound. */
  readonly excess: number;
}

interface Search {
  readonly slack: number;
  readonly price: number;
  readonly work: Work;
  readonly tolerance: number;
  readonly trail: Trail;
  /** Excess of the best plan known, and the trail node that ends it. */
  excess: number;
  node: number;
  improved: boolean;
}

/** A group of the core: its options other than the relaxation's, with changes against that one. */
interface CoreGroup {
  readonly group: number;
  /** Flattened option indices. [options] */
  readonly option: readonly number[];
  readonly weight: readonly number[];
  readonly cost: readonly number[];
  /** Least cost per unit of weight added, removed, of this group and all later ones; Infinity where none can. */
  readonly up: number;
  readonly down: number;
  /** The same of the later ones alone. */
  readonly laterUp: number;
  readonly laterDown: number;
}

type OpenGroup = Omit<CoreGroup, 'laterUp' | 'laterDown'>;

/** Groups in which some option can still be part of a better plan, cheapest change first. */
function openGroups(reduced: ReducedGroups, { base, price, breakGroup }: Relaxation, excess: number): CoreGroup[] {
  const { start, weight, loss } = reduced;
  const open: OpenGroup[] = [];
  for (let g = 0; g < base.length; g++) {
    const candidates: number[] = [];
    for (let i = start[g]; i < start[g + 1]; i++)
      if (i !== base[g] && reducedCost(i, base[g]) < excess) candidates.push(i);
    if (candidates.length > 0) open.push(describeGroup(g, candidates));
  }
  // Among equally cheap groups those next to the break come first: before it they can only shrink, after it only grow,
  // and plans that fill the budget need both.
  const distance = (entry: OpenGroup) => Math.abs(entry.group - breakGroup);
  open.sort((a, b) => Math.min(a.up, a.down) - Math.min(b.up, b.down) || distance(a) - distance(b));
  return withLaterCosts(open);

  function reducedCost(option: number, from: number): number {
    return Math.max(0, loss[option] - loss[from] + price * (weight[option] - weight[from]));
  }

  function describeGroup(group: number, option: number[]): OpenGroup {
    const change = option.map((i) => weight[i] - weight[base[group]]);
    const cost = option.map((i) => reducedCost(i, base[group]));
    const rate = (sign: number) =>
      cost.reduce((least, c, j) => (change[j] * sign > 0 ? Math.min(least, c / (change[j] * sign)) : least), Infinity);
    return { group, option, weight: change, cost, up: rate(1), down: rate(-1) };
  }
}

function withLaterCosts(open: readonly OpenGroup[]): CoreGroup[] {
  const core: CoreGroup[] = new Array(open.length);
  let laterUp = Infinity;
  let laterDown = Infinity;
  for (let c = open.length - 1; c >= 0; c--) {
    const up = Math.min(open[c].up, laterUp);
    const down = Math.min(open[c].down, laterDown);
    core[c] = { ...open[c], up, down, laterUp, laterDown };
    laterUp = up;
    laterDown = down;
  }
  return core;
}

/**
 * All states with one more group decided, in ascending weight and strictly descending loss: a merge of as many sorted
 * lists as the group has options. Undefined when the work is spent or the memory limit was reached.
 */
function expand(states: StateList, group: CoreGroup, search: Search): StateList | undefined {
  const { slack, price } = search;
  const useful = group.option.map((_, j) => j).filter((j) => group.cost[j] < search.excess - search.tolerance);
  if (useful.length === 0) return states;
  const option = [-1, ...useful.map((j) => group.option[j])];
  const change = [0, ...useful.map((j) => group.weight[j])];
  const extra = [0, ...useful.map((j) => group.cost[j])];
  const head = new Int32Array(option.length);
  const next = new StateList();
  let lastLoss = Infinity;
  for (let taken = 0; ; taken++) {
    if ((taken & 0xfff) === 0xfff && (!search.work.spend(0xfff * head.length) || next.length > STATE_LIMIT))
      return undefined;
    let pick = -1;
    let weight = Infinity;
    let cost = Infinity;
    for (let j = 0; j < head.length; j++) {
      const at = head[j];
      if (at >= states.length) continue;
      const w = states.weight[at] + change[j];
      if (w > weight) continue;
      const c = states.cost[at] + extra[j];
      if (w === weight && c >= cost) continue;
      pick = j;
      weight = w;
      cost = c;
    }
    if (pick < 0) return next;
    const parent = states.node[head[pick]++];
    const loss = cost + price * (slack - weight);
    if (loss >= lastLoss) continue;
    lastLoss = loss;
    const better = weight <= slack && loss < search.excess - search.tolerance;
    const promising =
      completionBound(weight, cost, group.laterUp, group.laterDown, search) < search.excess - search.tolerance;
    if (!better && !promising) continue;
    const node = pick === 0 ? parent : search.trail.push(parent, group.group, option[pick]);
    if (better) {
      search.excess = loss;
      search.node = node;
      search.improved = true;
    }
    if (promising) next.push(weight, cost, node);
  }
}

/** Least excess of any completion, if the undecided groups add weight at `up` and remove it at `down` per unit. */
function completionBound(weight: number, cost: number, up: number, down: number, { slack, price }: Search): number {
  if (weight > slack) return cost + (weight - slack) * down;
  return weight === slack ? cost : cost + (slack - weight) * Math.min(price, up);
}

function leastBound(states: StateList, group: CoreGroup, search: Search): number {
  let least = Infinity;
  for (let s = 0; s < states.length; s++)
    least = Math.min(least, completionBound(states.weight[s], states.cost[s], group.up, group.down, search));
  return least;
}

/** Growing arrays of states. */
class StateList {
  length = 0;
  /** Weight above the relaxation's whole steps. */
  weight = new Float64Array(256);
  /** Sum of reduced costs. */
  cost = new Float64Array(256);
  /** Last node of the state's trail. */
  node = new Int32Array(256);

  push(weight: number, cost: number, node: number): void {
    if (this.length === this.weight.length) {
      this.weight = grown(this.weight, new Float64Array(2 * this.length));
      this.cost = grown(this.cost, new Float64Array(2 * this.length));
      this.node = grown(this.node, new Int32Array(2 * this.length));
    }
    this.weight[this.length] = weight;
    this.cost[this.length] = cost;
    this.node[this.length++] = node;
  }
}

/** How states came about: each node is one choice that differs from the relaxation's, and points to the one before. */
class Trail {
  #length = 1;
  #parent = new Int32Array(1024);
  #group = new Int32Array(1024);
  #option = new Int32Array(1024);

  push(parent: number, group: number, option: number): number {
    const node = this.#length++;
    if (node === this.#parent.length) {
      this.#parent = grown(this.#parent, new Int32Array(2 * node));
      this.#group = grown(this.#group, new Int32Array(2 * node));
      this.#option = grown(this.#option, new Int32Array(2 * node));
    }
    this.#parent[node] = parent;
    this.#group[node] = group;
    this.#option[node] = option;
    return node;
  }

  /** Writes the choices of the trail that ends at `node` into `choice`. */
  replay(node: number, choice: Int32Array): void {
    for (; node > 0; node = this.#parent[node]) choice[this.#group[node]] = this.#option[node];
  }
}

function grown<T extends Float64Array | Int32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
