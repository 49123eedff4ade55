import type { Random } from '../../core/random.ts';
import { type Evaluations, searchByEvaluations } from '../evaluations.ts';
import { type Flat, used } from '../flat.ts';
import { type Individual, select, tournament } from '../nondominated.ts';
import type { Solver } from './types.ts';

const SIZES = { evaluations: 120, starts: 16, width: 4 };
/** Plans evaluated between two fits of the predictor. */
const BATCH = 8;
const POPULATION = 40;
const GENERATIONS = 12;
/** Groups that a mutation changes at most, before the plan is made to fit. */
const MOST_CHANGES = 6;

export const genetic: Solver = {
  name: 'genetic',
  summary: 'NSGA-II over predicted loss and cost, pruned options, a predictor learned from true evaluations',
  exact: false,
  source: 'AMQ (Lee et al. 2025); Deb et al. 2002',
  budgets: 'any',
  objectives: ['sum', 'max', 'worst', 'quadratic'],
  couplings: [],
  evaluations: SIZES.evaluations,
  mostOptions: 5_000,
  solve: (problem, options) => searchByEvaluations(problem, options, SIZES, evolve),
};

/** Generations on the predictor alone. @returns the best predicted of the last population that are not known yet */
function evolve(evaluations: Evaluations, random: Random): Int32Array[] {
  const { flat } = evaluations;
  const predict = evaluations.predictor();
  const individual = (plan: Int32Array): Individual => ({ plan, values: [predict(plan).mean, fullness(flat, plan)] });
  const best = evaluations.best()!.plan;
  let population = Array.from({ length: POPULATION }, () => mutated(evaluations, best, random)).map(individual);
  for (let generation = 0; generation < GENERATIONS; generation++) {
    const ranked = select(population, POPULATION);
    const children = Array.from({ length: POPULATION }, () => {
      const [a, b] = [tournament(ranked, random).plan, tournament(ranked, random).plan];
      return mutated(
        evaluations,
        a.map((option, g) => (random.uniform() < 0.5 ? option : b[g])),
        random,
      );
    });
    population = select([...ranked, ...children.map(individual)], POPULATION);
  }
  return population
    .sort((a, b) => a.values[0] - b.values[0])
    .map(({ plan }) => plan)
    .filter((plan) => !evaluations.isKnown(plan))
    .slice(0, BATCH);
}

/** Largest share of a budget that a plan takes. */
function fullness(flat: Flat, plan: Int32Array): number {
  return used(flat, plan).reduce((most, amount, r) => Math.max(most, amount / Math.max(flat.budget[r], 1e-9)), 0);
}

/** A few groups changed among the options worth trying, made to fit; the best plan where that fails. */
function mutated(evaluations: Evaluations, plan: Int32Array, random: Random): Int32Array {
  const changed = plan.slice();
  const changes = 1 + random.integer(Math.max(1, Math.min(MOST_CHANGES, plan.length)));
  for (let change = 0; change < changes; change++) {
    const group = random.integer(plan.length);
    const options = evaluations.near[group];
    changed[group] = options[random.integer(options.length)];
  }
  return evaluations.complete(changed) ? changed : evaluations.best()!.plan;
}
