import { type Flat, flatten, unflatten, used } from './flat.ts';
import { fits } from './problem.ts';
import type { Problem } from './types.ts';
import type { Work } from './work.ts';

export interface Neighbour {
  /** Option index per group. */
  readonly choice: number[];
  readonly loss: number;
}

/** One group's change, with what it costs while the others stay. */
interface Change {
  readonly group: number;
  readonly to: number;
  readonly loss: number;
}

/** Pairs looked at before a pass ends: half a second. */
const MOST_PAIRS = 4_000_000;

/** Descent of the quadratic objective: the best change of one group, else the first improving change of two. */
export class PairSearch {
  readonly #flat: Flat;
  /** [options, directions] */
  readonly #effect: Float64Array;
  readonly #directions: number;
  readonly #choice: Int32Array;
  readonly #amount: Float64Array;
  /** Σ of the chosen effects. [directions] */
  readonly #sum: Float64Array;

  constructor(problem: Problem, choice: ArrayLike<number>) {
    this.#flat = flatten(problem);
    this.#directions = problem.groups[0]?.options[0]?.effect?.length ?? 0;
    this.#effect = Float64Array.from(
      problem.groups.flatMap(({ options }) => options.flatMap(({ effect }) => Array.from(effect ?? []))),
    );
    this.#choice = Int32Array.from(choice, (option, g) => this.#flat.start[g] + option);
    this.#amount = used(this.#flat, this.#choice);
    this.#sum = new Float64Array(this.#directions);
    for (const option of this.#choice)
      for (let d = 0; d < this.#directions; d++) this.#sum[d] += this.#effect[option * this.#directions + d];
  }

  /** @returns option index per group of the local optimum */
  run(work: Work): number[] {
    while (!work.isSpent) {
      const changes = this.#changes();
      work.spend(changes.length * (this.#directions + 1));
      const tolerance = 1e-12 * (this.#choice.reduce((sum, i) => sum + Math.abs(this.#flat.loss[i]), 0) || 1);
      const single = changes.find((change) => change.loss < -tolerance && this.#fits(change));
      const improving = single ? [single] : this.#pair(changes, tolerance, work);
      if (improving === undefined) break;
      for (const change of improving) this.#apply(change);
    }
    return unflatten(this.#flat, this.#choice);
  }

  /** All changes of one group, best first. */
  #changes(): Change[] {
    const { start, loss } = this.#flat;
    const changes: Change[] = [];
    for (let group = 0; group < this.#choice.length; group++) {
      const from = this.#choice[group];
      for (let to = start[group]; to < start[group + 1]; to++)
        if (to !== from) changes.push({ group, to, loss: loss[to] - loss[from] + this.#against(from, to) });
    }
    return changes.sort((a, b) => a.loss - b.loss);
  }

  /** ⟨effect of `to` − effect of `from`, effects of all other groups⟩ */
  #against(from: number, to: number): number {
    const n = this.#directions;
    let sum = 0;
    for (let d = 0; d < n; d++) {
      const own = this.#effect[from * n + d];
      sum += (this.#effect[to * n + d] - own) * (this.#sum[d] - own);
    }
    return sum;
  }

  #pair(changes: readonly Change[], tolerance: number, work: Work): Change[] | undefined {
    let seen = 0;
    for (let i = 0; i < changes.length; i++)
      for (let j = 0; j < i; j++) {
        if (++seen > MOST_PAIRS) return undefined;
        const [a, b] = [changes[i], changes[j]];
        if (a.group === b.group || !this.#fits(a, b)) continue;
        work.spend(this.#directions);
        if (a.loss + b.loss + this.#between(a, b) < -tolerance) return [a, b];
      }
    return undefined;
  }

  #between(a: Change, b: Change): number {
    const n = this.#directions;
    const [fromA, fromB] = [this.#choice[a.group], this.#choice[b.group]];
    let sum = 0;
    for (let d = 0; d < n; d++)
      sum +=
        (this.#effect[a.to * n + d] - this.#effect[fromA * n + d]) *
        (this.#effect[b.to * n + d] - this.#effect[fromB * n + d]);
    return sum;
  }

  #fits(a: Change, b?: Change): boolean {
    const { cost, budget } = this.#flat;
    for (let r = 0; r < budget.length; r++) {
      let amount = this.#amount[r] + cost[r][a.to] - cost[r][this.#choice[a.group]];
      if (b) amount += cost[r][b.to] - cost[r][this.#choice[b.group]];
      if (!fits(amount, budget[r])) return false;
    }
    return true;
  }

  #apply({ group, to }: Change): void {
    const from = this.#choice[group];
    for (let r = 0; r < this.#amount.length; r++) this.#amount[r] += this.#flat.cost[r][to] - this.#flat.cost[r][from];
    for (let d = 0; d < this.#directions; d++)
      this.#sum[d] += this.#effect[to * this.#directions + d] - this.#effect[from * this.#directions + d];
    this.#choice[group] = to;
  }
}
