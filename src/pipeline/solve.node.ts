import type { BitPlan } from '../allocate/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement } from '../measure/types.ts';
import type { Model } from '../model/types.ts';
import { refuseUnusablePalette, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import type { Corrections } from './plan/corrections.ts';
import { type Goal, openGoal } from './plan/goal.node.ts';
import { fileNotes } from './plan/notes.ts';
import { Planner } from './plan/planner.ts';
import type { Wishes } from './plan/wishes.ts';
import type { Deployment } from './resources/types.ts';
import { checkModel, Session, type SessionOptions } from './session.node.ts';
import { type HeldOut, sequenceLength } from './texts.node.ts';
import { type JudgeSetting, PlanJudge } from './verify/judge.node.ts';
import { learnFromProbes } from './verify/learn.node.ts';
import { RememberedRuns } from './verify/remembered.node.ts';
import { evaluationsOf, type SolverChoice, searchPlan } from './verify/search.node.ts';

export interface SolveOptions extends SessionOptions, SolverChoice, Deployment {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  readonly calibration: () => Promise<TokenBatch>;
  /** Held-out text to correct predictions on; without it they are corrected by what earlier runs have evaluated, if any. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Held-out text for solvers that search by true evaluations. */
  readonly searchText?: () => Promise<Int32Array>;
}

/**
 * The best plan within budgets, or, without any, the best plans over all sizes. Measures and prices what is not known yet;
 * a budget that a verified run has met gets that run's plan.
 */
export async function solveFor(model: Model, wishes: Wishes | undefined, options: SolveOptions): Promise<BitPlan[]> {
  await checkModel(model, () => refuseUnusablePalette(model, options.palette));
  const session = await Session.open(model, options);
  try {
    const goal = wishes && (await openGoal(session, wishes, options));
    const measurement = await session.measure(await options.calibration());
    const job = ['solve', wishes ?? null, options.rounding, options.palette ?? null, options.solver ?? null];
    const workspace = await session.workspace(measurement, { job });
    try {
      return await solveWith({ session, measurement, workspace, length: sequenceLength(model) }, goal, options);
    } finally {
      await workspace.close();
    }
  } finally {
    await session.close();
  }
}

async function solveWith(
  setting: JudgeSetting & { readonly measurement: Measurement },
  goal: Goal | undefined,
  options: SolveOptions,
): Promise<BitPlan[]> {
  const { session, measurement, workspace } = setting;
  const { rounding, palette, activations, fuse, context, threads, solver, evaluations, seed } = options;
  const table = await session.price(measurement, workspace, rounding, palette);
  const chosen = { cache: goal?.budgets.kv !== undefined, activations };
  const prices = await session.priceRun(options.calibration, workspace, chosen);
  const plain = { model: session.model, notes: fileNotes(rounding), fuse, context, threads };
  const planner = new Planner({ ...(goal?.setting ?? plain), ...prices, table });
  const runs = new RememberedRuns(workspace, table);
  const corrections = await learn(setting, table, runs, options);
  if (goal === undefined) return planner.frontier(corrections);
  const { budgets } = goal;
  const known = options.evaluation === undefined ? await runs.plan({ ...options, budgets }) : undefined;
  if (known !== undefined) return [known];
  if (evaluationsOf(options) === undefined) return [await planner.plan(budgets, { solver, seed, corrections })];
  const judge = await PlanJudge.open(setting, await options.searchText!());
  const plan = await searchPlan(planner, table, budgets, judge, { solver, evaluations, seed }, options);
  workspace.forgetBlocks();
  return [plan];
}

/** Corrections from probes that are evaluated now, or else from those that earlier runs have left. */
async function learn(
  setting: JudgeSetting,
  table: SensitivityTable,
  runs: RememberedRuns,
  options: SolveOptions,
): Promise<Corrections> {
  if (options.evaluation === undefined) return await runs.corrections();
  const judge = await PlanJudge.open(setting, (await options.evaluation()).searched);
  const { corrections, probes } = await learnFromProbes(judge, table, options);
  await runs.rememberProbes('designed', probes);
  setting.workspace.forgetBlocks();
  return corrections;
}
