import { expandSolution, mergeAgreeing } from '../../allocate/agree.ts';
import { lossOf } from '../../allocate/objective.ts';
import { costRange } from '../../allocate/problem.ts';
import { solve, solveMany, solverFor } from '../../allocate/solve.ts';
import type { SolveOptions } from '../../allocate/solvers/types.ts';
import type {
  BitPlan,
  Coupling,
  Group,
  Objective,
  Option,
  PlanPrediction,
  Problem,
  Solution,
} from '../../allocate/types.ts';
import { BitbudgetError, UsageError } from '../../core/errors.ts';
import type { PricedSite } from '../../measure/site-prices.ts';
import { type Site, type SiteKind, sitesOf } from '../../model/sites.ts';
import { type Budgets, resources } from '../resources/table.ts';
import type { Resource, Setting } from '../resources/types.ts';
import { type Corrections, NO_CORRECTION, openError, type ProbedMatrix } from './corrections.ts';
import { couplings, usable } from './couplings.ts';
import { optionId, optionsOf, pricedWeights, type SiteGroup, siteGroups } from './groups.ts';
import { klInterval } from './interval.ts';
import { defaultObjective, type Ranking, rankedGroups } from './ranking.ts';
import { quantizationRatio } from './ratio.ts';
import { weightCount } from './wishes.ts';

/** A proof may take a minute: little beside the measurement that came before. */
const PATIENCE = 6;

export interface PlanOptions extends Omit<SolveOptions, 'evaluate'> {
  /** Learned from true evaluations; default none. */
  readonly corrections?: Corrections;
  /** True loss of a plan, for solvers that search by evaluations. */
  readonly evaluate?: (plan: BitPlan) => Promise<number>;
  /** Name of the solver; default the first of the table that takes the problem. */
  readonly solver?: string;
  /** What is made least; default the sum of all losses. */
  readonly objective?: Objective;
  /** Most different formats in the plan; default any number. */
  readonly mostFormats?: number;
  /** What options are chosen by; default their predicted KL. */
  readonly ranking?: Ranking;
}

/** Bits per weight at which there are plans: from the least to the most, so far apart. */
export interface FrontierRange {
  readonly least: number;
  readonly most: number;
  readonly step: number;
}

const FRONTIER_RANGE: FrontierRange = { least: 1, most: 17, step: 0.25 };

/** Makes plans for one model out of its prices. */
export class Planner {
  readonly #setting: Setting;
  readonly #resources: readonly Resource[];
  readonly #couplings: readonly Coupling[];
  readonly #sites: readonly Site[];
  /** Prices of edges and states that can be chosen. */
  readonly #running: readonly PricedSite[];

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#sites = sitesOf(setting.model);
    this.#running = usable(this.#sites, setting.running ?? [], setting);
    this.#couplings = couplings(setting);
    this.#resources = resources(setting);
  }

  /** The allocator's view: groups with what options cost and their calibrated losses. */
  groups(corrections: Corrections = NO_CORRECTION): Group[] {
    return this.#siteGroups(corrections).map(({ group }) => group);
  }

  #siteGroups(corrections: Corrections): SiteGroup[] {
    const priced = [...pricedWeights(this.#setting.table, corrections), ...this.#running];
    return siteGroups(this.#sites, priced, this.#resources);
  }

  /**
   * The best plan within budgets.
   * @throws BitbudgetError when no plan fits, with what can be had; UsageError when the solver does not take the problem
   */
  async plan(
    budgets: Budgets,
    { corrections = NO_CORRECTION, evaluate, ...options }: PlanOptions = {},
  ): Promise<BitPlan> {
    const groups = this.#siteGroups(corrections);
    this.#refuseUnmeasured(budgets);
    const problem = this.#problem(groups, budgets, options);
    const solution = await solve(problem, {
      patience: PATIENCE,
      ...options,
      evaluate: evaluate && ((choice) => evaluate(this.#named(groups, choice))),
    });
    const units = [...this.#sizes(solution, budgets), ...this.#units(budgets)];
    const plan = { ...this.#exactly(this.#plan(groups, possible(solution, units), corrections)), budgets };
    return withObjective(plan, options, lossOf(problem, solution.choice));
  }

  /**
   * Whether a solver takes such a problem, told before anything is measured for it.
   * @throws UsageError when it does not
   */
  checkSolver(budgets: Budgets, options: Pick<PlanOptions, 'solver' | 'objective' | 'mostFormats' | 'ranking'>): void {
    solverFor(mergeAgreeing(this.#problem(this.#siteGroups(NO_CORRECTION), budgets, options)).problem, options.solver);
  }

  #problem(
    groups: readonly SiteGroup[],
    budgets: Budgets,
    { ranking, objective = defaultObjective(ranking), mostFormats }: PlanOptions,
  ): Problem {
    const all = [...groups.map(({ group }) => group), this.#fixed()];
    // What no choice changes stands among the groups, with an id of its own.
    const few = mostFormats === undefined ? [] : [{ kind: 'palette', most: mostFormats + 1 } as const];
    return {
      groups: ranking ? rankedGroups(all, ranking) : all,
      budgets,
      objective,
      couplings: [...this.#couplings, ...few],
    };
  }

  /**
   * Best plans at sizes spaced evenly in bits per weight, smallest first; the first is the smallest that there is.
   * @param options sizes, default every quarter from 1 to 17, and what options are chosen by, default their predicted KL
   */
  frontier(
    corrections: Corrections = NO_CORRECTION,
    { range = FRONTIER_RANGE, ranking }: { readonly range?: FrontierRange; readonly ranking?: Ranking } = {},
  ): BitPlan[] {
    const groups = this.#siteGroups(corrections);
    const own = groups.map(({ group }) => group);
    const ranked = ranking ? rankedGroups(own, ranking) : own;
    const merged = mergeAgreeing({ groups: ranked, budgets: {}, couplings: this.#couplings });
    const { groups: deciding } = merged.problem;
    const { least, most } = costRange(deciding, 'bytes');
    const fixed = this.#resources.find(({ name }) => name === 'bytes')!.fixed;
    const weights = weightCount(this.#setting.model);
    const count = Math.floor((range.most - range.least) / range.step + 1e-9) + 1;
    const sizes = Array.from({ length: count }, (_, i) => ((range.least + i * range.step) * weights) / 8);
    const within = sizes.map((bytes) => Math.floor(bytes) - fixed).filter((bytes) => bytes > least && bytes < most);
    const solutions = solveMany(deciding, 'bytes', [least, ...within]);
    return solutions.map((solution) => {
      const plan = this.#plan(groups, expandSolution(merged, solution), corrections);
      return withObjective(plan, { ranking }, solution.loss);
    });
  }

  /** The same plan with what corrected prices predict of it; what it takes is added where it is not known. */
  predict(plan: BitPlan, corrections: Corrections): BitPlan {
    const groups = this.#siteGroups(corrections);
    const choice = groups.map(({ sites, group }) => {
      const id = optionId(sites.map((site) => plan.sites[site.id]));
      return group.options.findIndex((option) => option.id === id);
    });
    const loss = sumOf(chosenOptions(groups, choice));
    const known = plan.prediction ?? this.#taken(groups, choice, loss, plan);
    const expected = this.#expected(groups, choice, loss, corrections);
    // The bound of another objective stays what it is; one of the prices that were solved for is the same share of these.
    if (known.objective !== undefined) return { ...plan, prediction: { ...known, ...expected } };
    const bound = known.gap === 0 ? loss : loss * (known.bound / (known.bound + known.gap));
    // Of another objective than predicted KL, both stay what they are.
    const proof = plan.prediction?.objective === undefined ? { bound, gap: loss - bound } : {};
    return { ...plan, prediction: { ...known, ...expected, ...proof } };
  }

  /** What a choice that nobody solved for takes. */
  #taken(groups: readonly SiteGroup[], choice: readonly number[], loss: number, plan: BitPlan): PlanPrediction {
    const costs = this.#costs(chosenOptions(groups, choice));
    const ratio = quantizationRatio(this.#setting.model, plan);
    return {
      fileBytes: costs['bytes'],
      costs,
      quantizationRatio: ratio,
      status: 'feasible',
      bound: 0,
      gap: loss,
      kl: loss,
      klError: 0,
    };
  }

  /** What can be had of bytes, in the units that people ask in. */
  #sizes({ ranges }: Solution, budgets: Budgets): string[] {
    const range = ranges['bytes'];
    if (range === undefined || budgets.bytes === undefined) return [];
    const weights = weightCount(this.#setting.model);
    const [least, most] = [range.least, range.most].map((bytes) => [bytes / 1e6, (8 * bytes) / weights]);
    return [
      `that is ${least[0].toPrecision(3)} to ${most[0].toPrecision(3)} MB, ${least[1].toFixed(2)} to ${most[1].toFixed(2)} bits per weight`,
    ];
  }

  /** What budgets are told in, where their names do not say it. */
  #units(budgets: Budgets): string[] {
    return this.#resources.flatMap(({ name, unit }) => (unit && name in budgets ? [`${name} is in ${unit}`] : []));
  }

  /** @throws UsageError for a budget of a resource that the setting does not have */
  #refuseUnmeasured(budgets: Budgets): void {
    const unknown = Object.keys(budgets).find((name) => this.#resources.every((resource) => resource.name !== name));
    if (unknown !== undefined)
      throw new UsageError(`budget of ${unknown}: nothing was measured for it; measure it first`);
  }

  /** What is taken whatever is chosen, as a group with one option: budgets and messages then speak of whole amounts. */
  #fixed(): Group {
    const costs = Object.fromEntries(this.#resources.map(({ name, fixed }) => [name, fixed]));
    return { id: 'what no choice changes', options: [{ id: 'fixed', costs, loss: 0 }] };
  }

  #costs(chosen: readonly Option[]): Record<string, number> {
    return Object.fromEntries(
      this.#resources.map(({ name, fixed }) => [name, chosen.reduce((sum, option) => sum + option.costs[name], fixed)]),
    );
  }

  #plan(groups: readonly SiteGroup[], solution: Solution, corrections: Corrections): BitPlan {
    const chosen = chosenOptions(groups, solution.choice);
    const costs = this.#costs(chosen);
    const named = this.#named(groups, solution.choice);
    const formatOf = (tensor: string): string => named.sites[tensor];
    const [edgeKl, stateKl] = [this.#shareOf('edge', named), this.#shareOf('state', named)];
    const costErrors = Object.fromEntries(
      this.#resources.flatMap(({ name, spread }) => (spread ? [[name, spread(formatOf)]] : [])),
    );
    return {
      ...named,
      prediction: {
        fileBytes: costs['bytes'],
        costs,
        costErrors,
        ...this.#expected(groups, solution.choice, sumOf(chosen), corrections),
        quantizationRatio: quantizationRatio(this.#setting.model, named),
        ...(edgeKl !== undefined && { edgeKl }),
        ...(stateKl !== undefined && { stateKl }),
        status: solution.status,
        bound: solution.bound,
        gap: solution.gap,
        ...(solution.byClock && { byClock: true }),
      },
    };
  }

  /** A plan with what it takes of resources that are no sums. */
  #exactly(plan: BitPlan): BitPlan {
    const chosen = this.#sites.flatMap((site) => {
      const option = plan.sites[site.id];
      return option === undefined ? [] : [{ site, option }];
    });
    const exact = this.#resources.flatMap(({ name, taken }) => (taken ? [[name, taken(chosen)] as const] : []));
    const prediction = plan.prediction!;
    return { ...plan, prediction: { ...prediction, costs: { ...prediction.costs, ...Object.fromEntries(exact) } } };
  }

  /** What the sites of a kind cost by themselves; undefined where they were not planned. */
  #shareOf(kind: SiteKind, { sites }: BitPlan): number | undefined {
    const ofKind = new Set(this.#sites.filter((site) => site.kind === kind).map(({ id }) => id));
    const priced = this.#running.filter(({ site }) => ofKind.has(site));
    if (priced.length === 0) return undefined;
    return priced.reduce((sum, { site, prices }) => sum + prices.find(({ option }) => option === sites[site])!.loss, 0);
  }

  #expected(groups: readonly SiteGroup[], choice: readonly number[], kl: number, corrections: Corrections) {
    const { spread, learned } = corrections;
    const { scale } = this.#setting.table;
    const open = openError(corrections, this.#uncorrected(groups, choice));
    const independent = Math.hypot(...chosenOptions(groups, choice).map(({ lossError = 0 }) => lossError));
    const klError = Math.hypot(independent, kl * (scale.standardError / scale.value), kl * spread, open);
    return { kl, klError, klInterval: klInterval(kl, klError), corrected: learned };
  }

  /** What the chosen formats of matrices are priced at. */
  #uncorrected(groups: readonly SiteGroup[], choice: readonly number[]): ProbedMatrix[] {
    const { scale, tensors } = this.#setting.table;
    const { sites } = this.#named(groups, choice);
    return tensors.map(({ tensor, kind, prices }) => {
      const format = sites[tensor];
      return { kind, format, loss: scale.value * prices.find((price) => price.format === format)!.loss };
    });
  }

  /** A choice as a plan. */
  #named(groups: readonly SiteGroup[], choice: readonly number[]): BitPlan {
    const { model, rounding } = this.#setting.table;
    const options = new Map(
      groups.flatMap(({ sites, group }, g) => {
        const chosen = optionsOf(group.options[choice[g]].id);
        return sites.map(({ id }, i) => [id, chosen[i]] as const);
      }),
    );
    const named = this.#sites.flatMap(({ id }) => (options.has(id) ? [[id, options.get(id)!] as const] : []));
    return { version: 2, model, rounding, sites: Object.fromEntries(named) };
  }
}

function chosenOptions(groups: readonly SiteGroup[], choice: readonly number[]): Option[] {
  return groups.map(({ group }, i) => group.options[choice[i]]);
}

function sumOf(options: readonly Option[]): number {
  return options.reduce((sum, { loss }) => sum + loss, 0);
}

/** The plan with what it was chosen by, where that is not the sum of predicted KL. */
function withObjective(plan: BitPlan, { ranking, objective }: PlanOptions, value: number): BitPlan {
  const chosenBy = objective ?? defaultObjective(ranking);
  if (ranking === undefined && chosenBy.kind === 'sum') return plan;
  const prediction: PlanPrediction = {
    ...plan.prediction!,
    objective: { metric: ranking?.metric ?? 'kl', objective: chosenBy, value },
  };
  return { ...plan, prediction };
}

/** @throws BitbudgetError when there is no choice, with what can be had */
function possible(solution: Solution, units: readonly string[]): Solution {
  if (solution.choice.length > 0) return solution;
  if (solution.status === 'infeasible')
    throw new BitbudgetError([`budget: ${solution.reason}`, ...units].join('; '), { code: 'budget' });
  throw new BitbudgetError('budget: no plan was found in reasonable time; give more room or another --solver', {
    code: 'budget',
  });
}
