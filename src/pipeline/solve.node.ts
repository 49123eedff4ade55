import type { BitPlan, Objective } from '../allocate/types.ts';
import type { Metric } from '../measure/metrics/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement } from '../measure/types.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { candidates, matrixFacts } from '../quantize/candidates.ts';
import type { RoundingName } from '../quantize/types.ts';
import { NO_CORRECTION } from './plan/corrections.ts';
import { openGoal, refuseUnusable } from './plan/goal.node.ts';
import { fileNotes } from './plan/notes.ts';
import { Planner } from './plan/planner.ts';
import { defaultObjective, type Ranking, rankingOf } from './plan/ranking.ts';
import type { Wishes } from './plan/wishes.ts';
import type { Deployment } from './resources/types.ts';
import { Session, type SessionOptions } from './session.node.ts';
import { type HeldOut, sequenceLength } from './texts.node.ts';
import { TruthBench } from './truth/bench.node.ts';
import { scoreBench } from './truth/rank.node.ts';
import { PlanJudge } from './verify/judge.node.ts';
import { learnFromProbes } from './verify/learn.node.ts';
import { evaluationsOf, type SolverChoice, searchPlan } from './verify/search.node.ts';

export interface SolveOptions extends SessionOptions, SolverChoice, Deployment {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** What formats are chosen by; default predicted KL. */
  readonly metric?: Metric;
  readonly calibration: () => Promise<TokenBatch>;
  /** Held-out text to correct predictions on; without it they stay as priced. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Held-out text for solvers that search by true evaluations. */
  readonly searchText?: () => Promise<Int32Array>;
}

/** The best plan within budgets, or, without any, the best plans over all sizes. Measures and prices what is not known yet. */
export async function solveFor(model: Model, wishes: Wishes | undefined, options: SolveOptions): Promise<BitPlan[]> {
  const session = await Session.open(model, options, (magnitudes) =>
    refuseUnusable(model, magnitudes, wishes, options),
  );
  try {
    const { rounding, palette, solver, objective, mostFormats, seed, evaluation, activations, metric } = options;
    const goal = wishes && (await openGoal(session, wishes, { ...options, objective: objectiveOf(options) }));
    const tokens = await options.calibration();
    const measurement = await session.measure(tokens);
    const ranking = metric && (await rank(session, measurement, tokens, metric, options));
    const workspace = await session.workspace(measurement);
    try {
      const table = await session.price(measurement, workspace, rounding, palette);
      const chosen = { cache: goal?.budgets.kv !== undefined, activations };
      const prices = await session.priceRun(options.calibration, workspace, chosen);
      const { fuse, context, threads, evaluations, searchText } = options;
      const setting = goal?.setting ?? { model, notes: fileNotes(rounding), fuse, context, threads };
      const planner = new Planner({ ...setting, ...prices, table });
      const judged = { session, measurement, workspace, length: sequenceLength(model) };
      if (goal !== undefined && evaluationsOf(options) !== undefined) {
        const judge = await PlanJudge.open(judged, await searchText!());
        const plan = await searchPlan(
          planner,
          table,
          goal.budgets,
          judge,
          { solver, evaluations, seed, mostFormats },
          options,
        );
        workspace.forgetBlocks();
        return [plan];
      }
      let corrections = NO_CORRECTION;
      if (evaluation !== undefined) {
        const judge = await PlanJudge.open(judged, (await evaluation()).searched);
        corrections = await learnFromProbes(judge, table, options);
        workspace.forgetBlocks();
      }
      if (goal === undefined) return planner.frontier(corrections, ranking);
      return [await planner.plan(goal.budgets, { solver, objective, mostFormats, seed, corrections, ranking })];
    } finally {
      workspace.close();
    }
  } finally {
    await session.close();
  }
}

/** What is made least: what was asked for, or what the metric says. */
function objectiveOf({ objective, metric }: SolveOptions): Objective {
  return objective ?? defaultObjective({ pairs: metric?.combine !== undefined });
}

/** Scores every candidate of every matrix by a metric. */
async function rank(
  session: Session,
  measurement: Measurement,
  tokens: TokenBatch,
  metric: Metric,
  { rounding, palette, signal, onProgress }: SolveOptions,
): Promise<Ranking> {
  const formats = (tensor: ModelTensor): string[] =>
    candidates(matrixFacts(tensor, session.magnitudes), palette).map(({ name }) => name);
  const bench = await TruthBench.open(session, measurement, { rounding, formats });
  try {
    const scores = (await scoreBench(bench, [metric], tokens, { signal, onProgress })).get(metric)!;
    return rankingOf(metric, scores, (name) => formats(session.model.tensors.get(name)!));
  } finally {
    await bench.close();
  }
}
