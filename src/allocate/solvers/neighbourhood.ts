import { Random } from '../../core/random.ts';
import { assignment } from '../assignment.ts';
import { lowerBound } from '../bound.ts';
import { pricedPlan } from '../complete.ts';
import { type Flat, flatten, unflatten } from '../flat.ts';
import { runHighs } from '../highs.ts';
import { lagrangian, pricedCost } from '../lagrange.ts';
import { lossOf } from '../objective.ts';
import type { Problem } from '../types.ts';
import { Work } from '../work.ts';
import { type Bandit, type BanditKind, bandit } from './bandit.ts';
import { solveProgram } from './milp.ts';
import type { Answer, SolveOptions, Solver } from './types.ts';

/** Instances too large for one proof: bounds by relaxation, plans by many small proofs. */
const searches = {
  exact: false,
  budgets: 'any',
  objectives: ['sum', 'max', 'worst'],
  couplings: ['requires', 'palette'],
  mostOptions: 50_000,
} as const;

/** Neighbourhoods searched, unless the plan is proven or the work spent before. */
const ROUNDS = 24;

export const neighbourhood: Solver = {
  ...searches,
  name: 'neighbourhood',
  summary: 'adaptive large-neighbourhood search over HiGHS, steered by a bandit',
  source: 'Balans (Cai, Kadıoğlu, Dilkina 2024)',
  solve: (problem, options) => searchAll(problem, options, [{ kind: 'thompson', annealed: false }], ROUNDS),
};

export const portfolio: Solver = {
  ...searches,
  name: 'portfolio',
  summary: 'several such searches in turn, with different bandits, rules of acceptance and seeds',
  source: 'ParBalans 2025',
  solve: (problem, options) =>
    searchAll(
      problem,
      options,
      (['greedy', 'softmax', 'thompson'] as const).flatMap((kind) =>
        [false, true].map((annealed): Configuration => ({ kind, annealed })),
      ),
      ROUNDS / 2,
    ),
};

interface Configuration {
  readonly kind: BanditKind;
  /** Whether worse plans are gone on from, ever less often. */
  readonly annealed: boolean;
}

async function searchAll(
  problem: Problem,
  options: SolveOptions,
  configurations: readonly Configuration[],
  rounds: number,
): Promise<Answer> {
  const work = new Work(options.patience);
  const flat = flatten(problem);
  const relaxed = assignment(problem, flat, undefined, true);
  const relaxation = await runHighs(relaxed.program);
  if (relaxation.status === 'infeasible') return { proven: true };
  const bound = Math.max(relaxation.bound / relaxed.lossScale, lowerBound(problem));
  const first = await startingPlan(problem, flat, work);
  if (!(first instanceof Int32Array)) return first;
  const guide = relaxation.value ? relaxed.choiceOf(relaxation.value) : first;
  const random = new Random(options.seed ?? 0);
  const runs = configurations.map(
    (configuration, i) => new Search(problem, flat, first, guide, configuration, random.fork(`search ${i}`)),
  );
  const best = (): Search => runs.reduce((least, run) => (run.least < least.least ? run : least));
  const most = options.evaluations === undefined ? rounds : Math.ceil(options.evaluations / runs.length);
  for (let round = 0; round < most; round++)
    for (const run of runs) {
      const { least, plan } = best();
      if (least <= bound + 1e-9 * Math.abs(bound)) return { choice: unflatten(flat, plan), bound, proven: true };
      if (work.isSpent) break;
      await run.step(round / most, work);
    }
  return { choice: unflatten(flat, best().plan), bound };
}

/** Nodes for a first plan where couplings leave no other way to one. */
const FIRST_NODES = 50;

async function startingPlan(problem: Problem, flat: Flat, work: Work): Promise<Int32Array | Answer> {
  const priced = (problem.couplings ?? []).length === 0 ? pricedPlan(flat, lagrangian(flat)) : undefined;
  if (priced) return priced;
  const program = assignment(problem, flat);
  const some = await solveProgram(problem, flat, program, undefined, work, FIRST_NODES);
  const answer = some.choice || some.proven ? some : await solveProgram(problem, flat, program, undefined, work);
  return answer.choice ? Int32Array.from(answer.choice, (o, g) => flat.start[g] + o) : answer;
}

/** Which groups are decided anew. */
type Destroy = 'mutation' | 'relaxation' | 'contested' | 'crossover';
const DESTROYS: readonly Destroy[] = ['mutation', 'relaxation', 'contested', 'crossover'];
/** Shares of the groups that are decided anew. */
const SHARES = [0.15, 0.3, 0.5];
const ARMS = DESTROYS.flatMap((destroy) => SHARES.map((share) => ({ destroy, share })));

/** Nodes that one neighbourhood is worth. */
const NODES = 200;

class Search {
  plan: Int32Array;
  least: number;
  #now: Int32Array;
  #loss: number;
  readonly #problem: Problem;
  readonly #flat: Flat;
  /** The relaxation's plan. */
  readonly #guide: Int32Array;
  /** Groups, those first whose best two options are nearest at the dual's prices. */
  readonly #contested: number[];
  readonly #annealed: boolean;
  readonly #bandit: Bandit;
  readonly #random: Random;

  constructor(
    problem: Problem,
    flat: Flat,
    first: Int32Array,
    guide: Int32Array,
    configuration: Configuration,
    random: Random,
  ) {
    this.#problem = problem;
    this.#flat = flat;
    this.plan = first;
    this.#now = first;
    this.#loss = this.#lossOf(first);
    this.least = this.#loss;
    this.#guide = guide;
    this.#contested = contested(flat);
    this.#annealed = configuration.annealed;
    this.#bandit = bandit(configuration.kind, ARMS.length, random);
    this.#random = random;
  }

  /** Searches one neighbourhood. @param progress 0 to 1, for the rule of acceptance */
  async step(progress: number, work: Work): Promise<void> {
    const arm = this.#bandit.choose();
    const free = this.#free(ARMS[arm].destroy, ARMS[arm].share);
    const kept = new Set(this.#now);
    const groupOf = groupIndex(this.#flat);
    const model = assignment(this.#problem, this.#flat, (option) => kept.has(option) || free.has(groupOf[option]));
    const { choice } = await solveProgram(this.#problem, this.#flat, model, this.#now, work, NODES);
    if (choice === undefined) return this.#bandit.reward(arm, 0);
    const plan = Int32Array.from(choice, (o, g) => this.#flat.start[g] + o);
    this.#bandit.reward(arm, this.#consider(plan, this.#lossOf(plan), progress));
  }

  /** Takes a plan or leaves it. @returns what that is worth to the bandit */
  #consider(plan: Int32Array, loss: number, progress: number): number {
    const better = loss < this.#loss;
    const heat = 0.02 * (1 - progress) * Math.abs(this.least);
    const accepted =
      loss <= this.#loss || (this.#annealed && this.#random.uniform() < Math.exp((this.#loss - loss) / heat));
    if (accepted) {
      this.#now = plan;
      this.#loss = loss;
    }
    if (loss < this.least) {
      this.plan = plan;
      this.least = loss;
      return 1;
    }
    return better ? 0.4 : accepted ? 0.1 : 0;
  }

  #free(destroy: Destroy, share: number): Set<number> {
    const groups = this.#now.length;
    const count = Math.max(2, Math.ceil(share * groups));
    const order = this.#random.shuffle(Array.from({ length: groups }, (_, g) => g));
    const differing = (other: Int32Array): number[] => order.filter((g) => this.#now[g] !== other[g]);
    const first = {
      mutation: () => order,
      relaxation: () => differing(this.#guide),
      crossover: () => differing(this.plan),
      contested: () => this.#contested.slice(0, 2 * count).filter(() => this.#random.uniform() < 0.6),
    }[destroy]();
    return new Set([...new Set([...first, ...order])].slice(0, count));
  }

  #lossOf(plan: Int32Array): number {
    return lossOf(this.#problem, unflatten(this.#flat, plan));
  }
}

function contested(flat: Flat): number[] {
  const { price } = lagrangian(flat);
  const margin = Array.from({ length: flat.start.length - 1 }, (_, g) => {
    const priced = Array.from({ length: flat.start[g + 1] - flat.start[g] }, (_, o) => {
      const option = flat.start[g] + o;
      return flat.loss[option] + pricedCost(flat, price, option);
    }).sort((a, b) => a - b);
    return priced.length > 1 ? priced[1] - priced[0] : Infinity;
  });
  return margin.map((_, g) => g).sort((a, b) => margin[a] - margin[b] || a - b);
}

function groupIndex({ start, loss }: Flat): Int32Array {
  const group = new Int32Array(loss.length);
  for (let g = 0; g + 1 < start.length; g++) group.fill(g, start[g], start[g + 1]);
  return group;
}
