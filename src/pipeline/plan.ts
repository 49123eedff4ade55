import { costRange } from '../allocate/problem.ts';
import { solve, solveMany } from '../allocate/solve.ts';
import type { SolveOptions } from '../allocate/solvers/types.ts';
import type { BitPlan, Costs, Group, Solution } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import { type Corrections, NO_CORRECTION } from './corrections.ts';
import { groupsOf } from './groups.ts';
import { type Budgets, resources } from './resources/table.ts';
import type { Resource, Setting } from './resources/types.ts';

/** A proof may take this long: little beside the measurement that came before. */
const PATIENCE_MS = 60_000;

/** Sizes at which the whole frontier is shown. */
const FRONTIER_POINTS = 40;

export interface PlanOptions extends SolveOptions {
  /** Learned from true evaluations; default none. */
  readonly corrections?: Corrections;
  /** Name of the solver; default the first of the table that takes the problem. */
  readonly solver?: string;
}

/** Makes plans for one model out of its prices. */
export class Planner {
  readonly #setting: Setting;
  readonly #resources: readonly Resource[];

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#resources = resources(setting);
  }

  /** The allocator's view: groups with what options cost and their calibrated losses. */
  groups(corrections: Corrections = NO_CORRECTION): Group[] {
    return groupsOf(this.#setting.table, this.#resources, corrections);
  }

  /**
   * The best plan within budgets.
   * @throws BitbudgetError when no plan fits, with what can be had; UsageError when the solver does not take the problem
   */
  async plan(budgets: Budgets, { corrections = NO_CORRECTION, ...options }: PlanOptions = {}): Promise<BitPlan> {
    const groups = this.groups(corrections);
    const left: Costs = Object.fromEntries(
      Object.entries(budgets).map(([name, most]) => [name, most - this.#fixed(name)]),
    );
    const solution = await solve({ groups, budgets: left }, { timeLimitMs: PATIENCE_MS, ...options });
    return this.#plan(groups, this.#possible(solution, budgets), corrections);
  }

  /** Best plans at sizes spread evenly over what the table can reach, smallest first. */
  frontier(corrections: Corrections = NO_CORRECTION): BitPlan[] {
    const groups = this.groups(corrections);
    const { least, most } = costRange(groups, 'bytes');
    const budgets = Array.from({ length: FRONTIER_POINTS }, (_, i) =>
      Math.ceil(least + ((most - least) * i) / (FRONTIER_POINTS - 1)),
    );
    return solveMany(groups, 'bytes', budgets).map((solution) => this.#plan(groups, solution, corrections));
  }

  /** The same plan with what corrected prices predict of it. */
  predict(plan: BitPlan, corrections: Corrections): BitPlan {
    const groups = this.groups(corrections);
    const choice = groups.map(({ id, options }) => options.findIndex((option) => option.id === plan.formats[id]));
    const loss = groups.reduce((sum, { options }, i) => sum + options[choice[i]].loss, 0);
    return { ...plan, prediction: { ...plan.prediction!, ...this.#expected(groups, choice, loss, corrections) } };
  }

  #fixed(name: string): number {
    return this.#resources.find((resource) => resource.name === name)!.fixed;
  }

  #plan(groups: readonly Group[], solution: Solution, corrections: Corrections): BitPlan {
    const { table } = this.#setting;
    const chosen = groups.map(({ options }, i) => options[solution.choice[i]]);
    const costs = Object.fromEntries(
      this.#resources.map(({ name, fixed }) => [name, chosen.reduce((sum, option) => sum + option.costs[name], fixed)]),
    );
    return {
      version: 1,
      model: table.model,
      rounding: table.rounding,
      formats: Object.fromEntries(groups.map(({ id }, i) => [id, chosen[i].id])),
      prediction: {
        fileBytes: costs['bytes'],
        costs,
        ...this.#expected(groups, solution.choice, solution.loss, corrections),
        status: solution.status,
        bound: solution.bound,
        gap: solution.gap,
      },
    };
  }

  #expected(groups: readonly Group[], choice: readonly number[], kl: number, { spread }: Corrections) {
    const { scale } = this.#setting.table;
    const independent = Math.hypot(...groups.map(({ options }, i) => options[choice[i]].lossError ?? 0));
    return { kl, klError: Math.hypot(independent, kl * (scale.standardError / scale.value), kl * spread) };
  }

  /** @throws BitbudgetError when there is no choice */
  #possible(solution: Solution, budgets: Budgets): Solution {
    if (solution.choice.length > 0) return solution;
    const { bytes } = solution.ranges;
    const target = budgets.bytes;
    const fixed = this.#fixed('bytes');
    if (target !== undefined && bytes !== undefined && target - fixed < bytes.least) {
      const least = fixed + bytes.least;
      throw new BitbudgetError(
        `target of ${target} bytes is below the smallest file, ${least} bytes (${fixed} bytes are metadata and vectors; ` +
          `the largest part is ${bytes.largestGroup}); ask for ${least} to ${fixed + bytes.most} bytes`,
      );
    }
    const kept = Object.keys(budgets).flatMap((name) => {
      const taken = this.#fixed(name);
      return taken > 0 ? [`${taken} of ${name}`] : [];
    });
    const note = kept.length > 0 ? `; budgets are told without what no choice changes: ${kept.join(', ')}` : '';
    if (solution.status === 'infeasible') throw new BitbudgetError(`budget: ${solution.reason}${note}`);
    throw new BitbudgetError('budget: no plan was found in time; give more room or another --solver');
  }
}
