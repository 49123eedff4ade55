import type { BitPlan, Objective } from '../allocate/types.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Evaluation } from '../evaluate/types.ts';
import type { Metric } from '../measure/metrics/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement } from '../measure/types.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { candidates, matrixFacts } from '../quantize/candidates.ts';
import type { SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import type { Host } from './host/types.ts';
import { predictPeers } from './peers/peers.ts';
import type { Peer } from './peers/types.ts';
import { planByExpert } from './plan/by-expert.ts';
import { type Corrections, NO_CORRECTION } from './plan/corrections.ts';
import { type Goal, openGoal, refuseUnusable } from './plan/goal.ts';
import { type FileFacts, fileNotes } from './plan/notes.ts';
import { Planner, type PlanOptions } from './plan/planner.ts';
import { defaultObjective, type Ranking, rankingOf } from './plan/ranking.ts';
import type { Wishes } from './plan/wishes.ts';
import type { Deployment } from './resources/types.ts';
import { Session, type SessionOptions } from './session.ts';
import { type HeldOut, sequenceLength } from './texts.ts';
import { TruthBench } from './truth/bench.ts';
import { scoreBench } from './truth/rank.ts';
import { type JudgeSetting, PlanJudge } from './verify/judge.ts';
import { evaluateProbes } from './verify/learn.ts';
import { recallVerified } from './verify/recall.ts';
import { RememberedRuns } from './verify/remembered.ts';
import { evaluationsOf, type SolverChoice, searchPlan } from './verify/search.ts';
import type { Workspace } from './workspace.ts';

export interface SolveOptions extends SessionOptions, SolverChoice, Deployment {
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** Every expert of a mixture has a format of its own: a plan that no container we write holds. */
  readonly byExpert?: boolean;
  /** What formats are chosen by; default predicted KL. */
  readonly metric?: Metric;
  readonly calibration: () => Promise<TokenBatch>;
  /** Held-out text that files are judged on; without it predictions are corrected by what earlier runs have evaluated on any. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Rounds and evaluates eight plans of it, so that every prediction is corrected; else what is known already corrects them. */
  readonly probe?: boolean;
  /** Whether the files that one would have otherwise are predicted too. */
  readonly peers?: boolean;
  /** What files tell of their making: part of their size. */
  readonly facts?: FileFacts;
}

/** Plans with what is known of them. */
export interface Solved {
  /** One, or the best at every size. */
  readonly plans: readonly BitPlan[];
  /** Of the one plan, where a file of it was measured before. */
  readonly measured?: Evaluation;
  readonly peers: readonly Peer[];
}

/**
 * The best plan within budgets, or, without any, the best plans over all sizes. Measures and prices what is not known yet;
 * a budget that a verified run has met gets that run's plan.
 */
export async function solveFor(
  host: Host,
  model: Model,
  wishes: Wishes | undefined,
  options: SolveOptions,
): Promise<Solved> {
  const session = await Session.open(host, model, options, (magnitudes) =>
    refuseUnusable(model, magnitudes, wishes, options),
  );
  try {
    const { rounding, palette, metric } = options;
    const goal = wishes && (await openGoal(session, wishes, { ...options, objective: objectiveOf(options) }));
    const tokens = await options.calibration();
    const measurement = await session.measure(tokens);
    const ranking = metric && (await rank(session, measurement, tokens, metric, options));
    const job = ['solve', wishes ?? null, rounding, palette ?? null, options.solver ?? null];
    const workspace = await session.workspace(measurement, { job });
    try {
      const table = await session.price(measurement, workspace, rounding, palette);
      return await new Solver({ session, measurement, workspace, table, goal, ranking, options }).solve();
    } finally {
      await workspace.close();
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

/** What solving works with once everything is priced. */
interface SolverSetting {
  readonly session: Session;
  readonly measurement: Measurement;
  readonly workspace: Workspace;
  readonly table: SensitivityTable;
  readonly goal?: Goal;
  readonly ranking?: Ranking;
  readonly options: SolveOptions;
}

/** What a verified run has found. */
interface Recalled {
  readonly plan: BitPlan;
  readonly corrections: Corrections;
  /** On the text of now. */
  readonly evaluation?: Evaluation;
}

class Solver {
  readonly #setting: SolverSetting;

  constructor(setting: SolverSetting) {
    this.#setting = setting;
  }

  async solve(): Promise<Solved> {
    const { session, workspace, table, goal, ranking, options } = this.#setting;
    if (options.byExpert && goal !== undefined) {
      const corrections = await this.#corrections();
      const setting = { model: session.model, table, notes: goal.setting.notes };
      return await this.#answer([await planByExpert(setting, goal.budgets['bytes']!, corrections)], corrections);
    }
    const planner = await this.#planner();
    if (goal !== undefined && evaluationsOf(options) !== undefined) {
      const judge = await PlanJudge.open(this.#judged(), (await options.evaluation!()).searched);
      const { solver, evaluations, seed, mostFormats } = options;
      const choice = { solver, evaluations, seed, mostFormats };
      const plan = await searchPlan(planner, table, goal.budgets, judge, choice, options);
      workspace.forgetBlocks();
      const corrections = await this.#corrections();
      return await this.#answer([planner.predict(plan, corrections)], corrections);
    }
    const recalled = goal && !options.probe && (await this.#recall(planner, goal));
    if (recalled) return await this.#answer([recalled.plan], recalled.corrections, recalled.evaluation);
    const corrections = await this.#corrections();
    if (goal === undefined) return await this.#answer(planner.frontier(corrections, { ranking }), corrections);
    // The first plan of `quantize` is solved for prices as they are.
    const solving = corrections.learned ? corrections : NO_CORRECTION;
    const plan = await planner.plan(goal.budgets, { ...this.#choice(), ranking, corrections: solving });
    return await this.#answer([planner.predict(plan, corrections)], corrections);
  }

  async #planner(): Promise<Planner> {
    const { session, workspace, table, goal, options } = this.#setting;
    const { rounding, fuse, context, threads, activations, calibration, facts } = options;
    const chosen = { states: goal?.budgets.kv !== undefined, edges: activations };
    const running = await session.priceRunning(calibration, workspace, chosen);
    const notes = fileNotes({ rounding, facts });
    const setting = goal?.setting ?? { model: session.model, notes, fuse, context, threads };
    return new Planner({ ...setting, running, table });
  }

  #choice(): Pick<PlanOptions, 'solver' | 'seed' | 'objective' | 'mostFormats' | 'ranking'> {
    const { ranking, options } = this.#setting;
    const { solver, seed, objective, mostFormats } = options;
    return { solver, seed, objective, mostFormats, ranking };
  }

  #judged(): JudgeSetting {
    const { session, measurement, workspace } = this.#setting;
    return { session, measurement, workspace, length: sequenceLength(session.model) };
  }

  /** What `quantize` found for the same budgets, where it did: on the same text where there is one. It chooses by predicted KL alone. */
  async #recall(planner: Planner, { budgets }: Goal): Promise<Recalled | undefined> {
    const { ranking, table, options } = this.#setting;
    if (ranking !== undefined) return undefined;
    if (options.evaluation === undefined) {
      const plan = await this.#runs.plan({ ...options, budgets });
      return plan && { plan, corrections: await this.#corrections() };
    }
    const { judged, probed } = await options.evaluation();
    const found = await recallVerified(table, {
      judge: await PlanJudge.open(this.#judged(), judged),
      prober: await PlanJudge.open(this.#judged(), probed),
      planner,
      solve: (corrections) => planner.plan(budgets, { ...this.#choice(), corrections }),
    });
    return found && { ...found.best, corrections: found.corrections };
  }

  get #runs(): RememberedRuns {
    const { workspace, table } = this.#setting;
    return new RememberedRuns(workspace, table);
  }

  /** Learned now, or from what was evaluated for any budget before. */
  async #corrections(): Promise<Corrections> {
    const { workspace, table, options } = this.#setting;
    if (options.evaluation === undefined) return await this.#runs.corrections();
    const { probed, searched } = await options.evaluation();
    const { text } = await PlanJudge.open(this.#judged(), probed);
    if (options.probe) {
      const judge = await PlanJudge.open(this.#judged(), searched);
      await this.#runs.rememberProbes(text, await evaluateProbes(judge, table, options));
      workspace.forgetBlocks();
    }
    return await this.#runs.corrections(text);
  }

  async #answer(plans: readonly BitPlan[], corrections: Corrections, measured?: Evaluation): Promise<Solved> {
    const { session, measurement, workspace, table, options } = this.#setting;
    const work: WorkOptions = options;
    const middle = plans[Math.floor(plans.length / 2)].prediction!.fileBytes;
    const setting = { session, measurement, workspace, table, corrections };
    return { plans, measured, peers: options.peers ? await predictPeers(setting, middle, work) : [] };
  }
}
