import type { Random } from '../../core/random.ts';
import { type Evaluations, searchByEvaluations } from '../evaluations.ts';
import type { Prediction } from '../predictor.ts';
import type { Solver } from './types.ts';

const SIZES = { evaluations: 50, starts: 6, width: 3 };
/** Groups decided in the tree. */
const DEPTH = 8;
/** Descents of the tree per true evaluation. */
const DESCENTS = 60;
/** Weight of trying what was seldom tried. */
const EXPLORE = 0.7;

export const tree: Solver = {
  name: 'tree',
  summary: 'at most 50 true evaluations: Bayesian optimization whose acquisition is searched by a Monte-Carlo tree',
  exact: false,
  source: 'Jones et al. 1998 (EGO); Kocsis and Szepesvári 2006 (UCT)',
  budgets: 'any',
  objectives: ['sum', 'max', 'worst', 'quadratic'],
  couplings: [],
  evaluations: SIZES.evaluations,
  mostOptions: 2_000,
  solve: (problem, options) => searchByEvaluations(problem, options, SIZES, mostPromising),
};

interface Node {
  visits: number;
  /** Best improvement expected of any plan below. */
  best: number;
  readonly children: (Node | undefined)[];
}

const leaf = (width: number): Node => ({ visits: 0, best: 0, children: new Array(width).fill(undefined) });

/** The unknown plan with the largest expected improvement that descents of a tree find around the best known. */
function mostPromising(evaluations: Evaluations, random: Random): Int32Array[] {
  const { near } = evaluations;
  const { plan: best, loss } = evaluations.best()!;
  const predict = evaluations.predictor();
  const open = random.shuffle(near.map((_, g) => g).filter((g) => near[g].length > 1)).slice(0, DEPTH);
  const root = leaf(near[open[0]]?.length ?? 0);
  let chosen: Int32Array | undefined;
  let most = -Infinity;
  for (let descent = 0; descent < DESCENTS; descent++) {
    const plan = best.slice();
    const path = [root];
    for (const [level, group] of open.entries()) {
      const node = path[level];
      const child = pickChild(node, random);
      plan[group] = near[group][child];
      node.children[child] ??= leaf(near[open[level + 1]]?.length ?? 0);
      path.push(node.children[child]);
    }
    const usable = evaluations.complete(plan) && !evaluations.isKnown(plan);
    const gain = usable ? expectedImprovement(predict(plan), loss) : 0;
    for (const node of path) {
      node.visits++;
      node.best = Math.max(node.best, gain);
    }
    if (!usable || gain <= most) continue;
    most = gain;
    chosen = plan;
  }
  return chosen ? [chosen] : [];
}

/** Upper confidence bound on the share of the best gain below; children never tried come first. */
function pickChild(node: Node, random: Random): number {
  const scores = node.children.map((child) =>
    child === undefined
      ? 10 + random.uniform()
      : child.best / (node.best || 1) + EXPLORE * Math.sqrt(Math.log(node.visits + 1) / child.visits),
  );
  return scores.indexOf(Math.max(...scores));
}

/** E[(least − loss)⁺] of a normal prediction. @see Jones, Schonlau and Welch 1998, equation 15 */
function expectedImprovement({ mean, deviation }: Prediction, least: number): number {
  if (deviation <= 1e-12 * Math.abs(least)) return Math.max(0, least - mean);
  const z = (least - mean) / deviation;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  return deviation * (z * normalCdf(z) + density);
}

/** Error below 1e-7. @see Abramowitz and Stegun, 26.2.17 */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}
