import type { Random } from '../../core/random.ts';
import { type Pair, spearman } from './rank.ts';

/**
 * A proxy as a formula of basic statistics of a candidate: a leaf names a statistic, a node applies an operation.
 * @see Dong et al., EMQ: Evolving Training-free Proxies for Automated Mixed Precision Quantization (2023)
 */
export type Expression =
  | { readonly leaf: string }
  | { readonly unary: Unary; readonly of: Expression }
  | { readonly binary: Binary; readonly left: Expression; readonly right: Expression };

type Unary = keyof typeof UNARY;
type Binary = keyof typeof BINARY;

/** Operations that keep values positive, so that sums over matrices stay a loss. */
const UNARY = {
  sqrt: (x: number) => Math.sqrt(x),
  square: (x: number) => x * x,
  log1p: (x: number) => Math.log1p(x),
  inverse: (x: number) => (x > 0 ? 1 / x : 0),
} as const;
const BINARY = {
  '+': (x: number, y: number) => x + y,
  '×': (x: number, y: number) => x * y,
  '÷': (x: number, y: number) => (y > 0 ? x / y : 0),
} as const;

/** Values of every statistic: [matrix][candidate]. */
export type Statistics = Readonly<Record<string, readonly (readonly number[])[]>>;

/** Plans of one model and what they truly cost. */
export interface Judged {
  readonly statistics: Statistics;
  /** [plan][matrix] */
  readonly choices: readonly (readonly number[])[];
  readonly truth: readonly number[];
}

export function expressionText(expression: Expression): string {
  if ('leaf' in expression) return expression.leaf;
  if ('unary' in expression) return `${expression.unary}(${expressionText(expression.of)})`;
  return `(${expressionText(expression.left)} ${expression.binary} ${expressionText(expression.right)})`;
}

/** Value of the formula for one candidate. */
export function evaluateExpression(expression: Expression, statistic: (name: string) => number): number {
  if ('leaf' in expression) return statistic(expression.leaf);
  if ('unary' in expression) return UNARY[expression.unary](evaluateExpression(expression.of, statistic));
  const left = evaluateExpression(expression.left, statistic);
  return BINARY[expression.binary](left, evaluateExpression(expression.right, statistic));
}

/** Rank correlation of the formula's sums with the truth; -1 where it says nothing. */
export function fitness(expression: Expression, { statistics, choices, truth }: Judged): number {
  const shape = Object.values(statistics)[0];
  const table = shape.map((row, matrix) =>
    row.map((_, candidate) => evaluateExpression(expression, (name) => statistics[name][matrix][candidate])),
  );
  const pairs = choices.map((choice, plan): Pair => {
    const predicted = choice.reduce((sum, candidate, matrix) => sum + table[matrix][candidate], 0);
    return [predicted, truth[plan]];
  });
  const correlation = spearman(pairs);
  return Number.isFinite(correlation) ? correlation : -1;
}

export interface EvolveOptions {
  readonly population: number;
  readonly generations: number;
}

/** Deepest formula. */
const DEPTH = 4;
/** What a node costs in rank correlation, so that of two equal formulas the shorter wins. */
const PARSIMONY = 1e-4;
const TOURNAMENT = 4;

/** The fittest formula after evolution by tournaments, crossover and mutation. */
export function evolve(judged: Judged, random: Random, { population, generations }: EvolveOptions): Expression {
  const names = Object.keys(judged.statistics);
  const known = new Map<string, number>();
  const score = (expression: Expression): number => {
    const text = expressionText(expression);
    const found = known.get(text) ?? fitness(expression, judged) - PARSIMONY * size(expression);
    known.set(text, found);
    return found;
  };
  const fittest = (pool: readonly Expression[]): Expression => pool.reduce((a, b) => (score(b) > score(a) ? b : a));
  const pick = (pool: readonly Expression[]): Expression =>
    fittest(Array.from({ length: TOURNAMENT }, () => pool[random.integer(pool.length)]));
  let pool = Array.from({ length: population }, () => randomExpression(names, random, DEPTH - 1));
  for (let generation = 0; generation < generations; generation++) {
    const children = [fittest(pool)];
    while (children.length < population) {
      const child =
        random.uniform() < 0.5
          ? replaced(pick(pool), random, () => subtree(pick(pool), random))
          : replaced(pick(pool), random, () => randomExpression(names, random, 2));
      if (depth(child) <= DEPTH) children.push(child);
    }
    pool = children;
  }
  return fittest(pool);
}

function randomExpression(names: readonly string[], random: Random, depthLeft: number): Expression {
  const draw = random.uniform();
  if (depthLeft <= 1 || draw < 0.3) return { leaf: names[random.integer(names.length)] };
  if (draw < 0.55) {
    const unary = one(Object.keys(UNARY) as Unary[], random);
    return { unary, of: randomExpression(names, random, depthLeft - 1) };
  }
  const binary = one(Object.keys(BINARY) as Binary[], random);
  const left = randomExpression(names, random, depthLeft - 1);
  return { binary, left, right: randomExpression(names, random, depthLeft - 1) };
}

function one<T>(items: readonly T[], random: Random): T {
  return items[random.integer(items.length)];
}

/** The formula with a random part of it replaced. */
function replaced(expression: Expression, random: Random, by: () => Expression): Expression {
  if ('leaf' in expression || random.uniform() < 0.3) return by();
  if ('unary' in expression) return { ...expression, of: replaced(expression.of, random, by) };
  return random.uniform() < 0.5
    ? { ...expression, left: replaced(expression.left, random, by) }
    : { ...expression, right: replaced(expression.right, random, by) };
}

function subtree(expression: Expression, random: Random): Expression {
  if ('leaf' in expression || random.uniform() < 0.4) return expression;
  if ('unary' in expression) return subtree(expression.of, random);
  return subtree(random.uniform() < 0.5 ? expression.left : expression.right, random);
}

function size(expression: Expression): number {
  if ('leaf' in expression) return 1;
  if ('unary' in expression) return 1 + size(expression.of);
  return 1 + size(expression.left) + size(expression.right);
}

function depth(expression: Expression): number {
  if ('leaf' in expression) return 1;
  if ('unary' in expression) return 1 + depth(expression.of);
  return 1 + Math.max(depth(expression.left), depth(expression.right));
}
