import type { BitPlan } from '../allocate/types.ts';
import { partOf, type WorkOptions } from '../core/progress.ts';
import type { Evaluation } from '../evaluate/types.ts';
import type { PricedSite } from '../measure/site-prices.ts';
import type { Measurement, MeasurementKey } from '../measure/types.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { writeModelGguf } from '../model/write-gguf.ts';
import { type CurvatureSource, plannedFormat } from '../quantize/encode.ts';
import { quantizedModel } from '../quantize/quantized.ts';
import type { SensitivityTable } from '../quantize/sensitivity.ts';
import { storedPlan } from '../quantize/stored-plan.ts';
import type { Substitute } from '../quantize/substitutes.ts';
import type { Host } from './host/types.ts';
import { type Learned, learnImportance, learnMeasurement } from './importance.ts';
import { contextOf, measureDecode } from './latency/decode.ts';
import type { Latency } from './latency/types.ts';
import { heldRecipes, importanceSource, measurePeers, predictPeers } from './peers/peers.ts';
import type { Peer } from './peers/types.ts';
import { type Corrections, TYPICAL_CORRECTION } from './plan/corrections.ts';
import { type Goal, openGoal } from './plan/goal.ts';
import { measuredNotes, planNotes, runNotes } from './plan/notes.ts';
import { Planner } from './plan/planner.ts';
import { type Wishes, weightCount } from './plan/wishes.ts';
import { isConversion, learnsImportance, type PreparedJob, prepareJob, refuseJob } from './preflight/job.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import type { Budgets } from './resources/table.ts';
import type { Notes } from './resources/types.ts';
import { Session } from './session.ts';
import { type Judgement, PlanJudge } from './verify/judge.ts';
import { probeResult } from './verify/learn.ts';
import { RememberedRuns } from './verify/remembered.ts';
import { evaluationsOf, searchPlan } from './verify/search.ts';
import { type Part, type VerifyResult, verify } from './verify/verify.ts';
import type { Workspace } from './workspace.ts';

export interface QuantizeResult {
  /** With the format that every matrix is stored in. */
  readonly plan: BitPlan;
  /** Matrices that the formats of a given plan cannot hold; none where budgets were given. */
  readonly substitutes?: readonly Substitute[];
  readonly fileBytes: number;
  /** The budget in bytes, when there was one. */
  readonly targetBytes?: number;
  readonly bitsPerWeight: number;
  /** Against the original on held-out text. */
  readonly evaluation?: Evaluation;
  /** All plans that verification tried. */
  readonly verification?: VerifyResult;
  readonly table?: SensitivityTable;
  readonly measurement?: Measurement;
  /** Facts about the text that rounding learned from. */
  readonly text?: MeasurementKey;
  /** What other files of the model lose. */
  readonly peers?: readonly Peer[];
  /** What a decoded token of the written file takes, where latency was budgeted. */
  readonly latency?: MeasuredLatency;
  /** Seconds by step. */
  readonly timings: Readonly<Record<string, number>>;
}

/** Time of one decoded token, in ms, with what it was measured at. */
export interface MeasuredLatency extends Latency {
  readonly threads: number;
  readonly context: number;
}

/** The main job: measure, price, solve, round, verify, write. Work that was interrupted goes on where it stopped. */
export async function quantizeModel(host: Host, model: Model, options: QuantizeOptions): Promise<QuantizeResult> {
  const session = await Session.open(host, model, options, (magnitudes) => refuseJob(model, magnitudes, options));
  try {
    return await new QuantizeRun(session, options).run();
  } finally {
    await session.close();
    for (const { model: peer } of options.peers?.models ?? []) await peer.close();
  }
}

/** A job with everything that it is done with. */
interface Prepared extends PreparedJob {
  /** Absent where nothing is learned from text. */
  readonly learned?: Learned;
  readonly workspace: Workspace;
}

class QuantizeRun {
  readonly #session: Session;
  readonly #model: Model;
  readonly #options: QuantizeOptions;
  readonly #timings: Record<string, number> = {};

  constructor(session: Session, options: QuantizeOptions) {
    this.#session = session;
    this.#model = session.model;
    this.#options = options;
  }

  async run(): Promise<QuantizeResult> {
    const { target } = this.#options;
    if (target.kind === 'plan') {
      const { plan, substitutes } = storedPlan(this.#model, target.plan, this.#session.magnitudes);
      const result = isConversion(this.#model, plan) ? await this.#convert(plan) : await this.#carryOut(plan);
      return { ...result, substitutes };
    }
    const goal = await this.#openGoal(target.wishes);
    const result = await this.#prepared(this.#options, goal, (prepared) => this.#fitBudgets(prepared, goal));
    return goal.budgets.latency === undefined ? result : { ...result, latency: await this.#measureLatency() };
  }

  /** Reads texts, measures what must be measured, opens what is kept, and closes it behind the work. */
  async #prepared(
    options: QuantizeOptions,
    goal: Goal | undefined,
    work: (prepared: Prepared) => Promise<QuantizeResult>,
  ): Promise<QuantizeResult> {
    const job = await this.#timed('check', () => prepareJob(this.#session, goal, options));
    const { calibration } = job;
    const learn = learnsImportance(options) ? learnImportance : learnMeasurement;
    const learned = calibration && (await this.#timed('measure', () => learn(this.#session, calibration)));
    const workspace = await this.#session.workspace(learned, { job: this.#job });
    try {
      const result = await work({ ...job, learned, workspace });
      await this.#session.learn(job.forecast, this.#timings);
      return result;
    } finally {
      await workspace.close();
    }
  }

  /** What blocks are rounded for: the same command finds them again, wherever its output lies. */
  get #job(): unknown {
    const { target, rounding, palette, activations, solver, evaluations, objective, mostFormats, seed } = this.#options;
    return ['quantize', target, rounding, palette, activations, solver, evaluations, objective, mostFormats, seed];
  }

  async #openGoal(wishes: Wishes): Promise<Goal> {
    const measured = this.#options.evaluation !== undefined;
    return await this.#timed('check', () => openGoal(this.#session, wishes, { ...this.#options, measured }));
  }

  /** Solves for budgets, verifies, writes the best plan. */
  async #fitBudgets(prepared: Prepared, { budgets, setting }: Goal): Promise<QuantizeResult> {
    const { heldOut, workspace } = prepared;
    const measurement = prepared.learned!.measurement!;
    const { rounding, palette } = this.#options;
    const table = await this.#timed('price', () => this.#session.price(measurement, workspace, rounding, palette));
    const running = await this.#timed('price', () => this.#priceRunning(prepared, budgets));
    const planner = new Planner({ ...setting, running, table });
    const notes = setting.notes!;
    const { seed, solver, objective, mostFormats } = this.#options;
    const choice = { seed, solver, objective, mostFormats };
    const searched = await this.#search(planner, table, prepared, budgets);
    if (heldOut === undefined) {
      const solved = searched ?? (await planner.plan(budgets, choice));
      const plan = planner.predict(solved, TYPICAL_CORRECTION);
      await this.#encode(plan, measurement, workspace);
      const peers = await this.#peers(prepared, TYPICAL_CORRECTION, plan, table);
      return {
        ...(await this.#write(plan, workspace, notes)),
        targetBytes: budgets.bytes,
        table,
        measurement,
        text: measurement.key,
        peers,
      };
    }
    const { judged, probed } = heldOut;
    const judge = await this.#judge(judged, measurement, workspace);
    const prober = await this.#judge(probed, measurement, workspace);
    const verification = await verify(table, {
      solve: async (corrections) => searched ?? (await planner.plan(budgets, { ...choice, corrections })),
      predict: (plan, corrections) => planner.predict(plan, corrections),
      measure: async (plan, part) => (await judge(plan, part)).evaluation,
      probe: async (plan, only, part) => probeResult(await prober(plan, part, only)),
    });
    const { plan, evaluation: result } = verification.best;
    const { text } = await this.#openJudge(probed, measurement, workspace);
    const runs = new RememberedRuns(workspace, table);
    await runs.remember({ ...this.#options, budgets }, plan);
    await runs.rememberProbes(text, verification.probes);
    const peers = await this.#peers(prepared, verification.corrections, plan, table);
    const written = await this.#write(plan, workspace, notes, result);
    return { ...written, targetBytes: budgets.bytes, verification, table, measurement, text: measurement.key, peers };
  }

  /** Other files of the model: predicted where it was measured, and measured themselves where it is asked for. */
  async #peers(
    { heldOut, learned, workspace }: Prepared,
    corrections: Corrections,
    { prediction }: BitPlan,
    table?: SensitivityTable,
  ): Promise<readonly Peer[] | undefined> {
    const { peers } = this.#options;
    if (peers === undefined) return undefined;
    const measurement = learned?.measurement;
    return await this.#timed('compare', async () => {
      const setting = measurement && { session: this.#session, measurement, workspace, table, corrections };
      const isPredicted = setting !== undefined && !prediction?.refuted;
      const predicted = isPredicted ? await predictPeers(setting, prediction?.fileBytes ?? 0, this.#options) : [];
      if (heldOut === undefined || (!peers.measure && peers.models.length === 0)) return predicted;
      const importance = measurement ? importanceSource(measurement) : learned?.curvature;
      const judge = await this.#openJudge(heldOut.judged, importance, workspace);
      const chosen = { recipes: peers.measure ? heldRecipes(this.#session) : [], models: peers.models };
      return await measurePeers(this.#model, judge, predicted, chosen, this.#options);
    });
  }

  /** Prices of what is rounded while the model runs, as far as it is to be chosen. */
  async #priceRunning({ calibration, workspace }: Prepared, { kv }: Budgets): Promise<readonly PricedSite[]> {
    const chosen = { states: kv !== undefined, edges: this.#options.activations };
    return await this.#session.priceRunning(async () => calibration!, workspace, chosen);
  }

  /** The plan of a solver that searches by true evaluations; undefined for others. */
  async #search(
    planner: Planner,
    table: SensitivityTable,
    { learned, workspace }: Prepared,
    budgets: Budgets,
  ): Promise<BitPlan | undefined> {
    const { solver, evaluations, seed, mostFormats, searchText } = this.#options;
    if (evaluationsOf(this.#options) === undefined) return undefined;
    const choice = { solver, evaluations, seed, mostFormats };
    return await this.#timed('search', async () => {
      const judge = await this.#openJudge(await searchText!(), learned!.curvature, workspace);
      return await searchPlan(planner, table, budgets, judge, choice, this.#options);
    });
  }

  /** Rounds and writes a plan that was given. */
  async #carryOut(plan: BitPlan): Promise<QuantizeResult> {
    const options: QuantizeOptions = { ...this.#options, target: { kind: 'plan', plan } };
    return await this.#prepared(options, undefined, async (prepared) => {
      const { heldOut, learned, workspace } = prepared;
      await this.#encode(plan, learned?.curvature, workspace);
      const judge = heldOut && (await this.#judge(heldOut.judged, learned?.curvature, workspace));
      const evaluation = (await judge?.(plan, { part: 0, parts: 1 }))?.evaluation;
      const notes = planNotes(this.#model, plan, { ...this.#options, measured: evaluation !== undefined });
      const corrections = await new RememberedRuns(workspace, plan).corrections();
      const peers = await this.#peers(prepared, corrections, plan);
      const written = await this.#write(plan, workspace, notes, evaluation);
      return { ...written, measurement: learned?.measurement, text: learned?.text, peers };
    });
  }

  /** Writes a plan of plain floats: nothing to measure, nothing to keep. */
  async #convert(plan: BitPlan): Promise<QuantizeResult> {
    const { signal, onProgress } = this.#options;
    const formatOf = (tensor: ModelTensor): string => plannedFormat(plan, tensor);
    const metadata = runNotes(this.#model, plan);
    const backend = this.#session.kernels;
    const fileBytes = await this.#timed('write', () =>
      this.#writeFile(this.#model, { formatOf, metadata, backend, signal, onProgress }),
    );
    return { plan, fileBytes, bitsPerWeight: (8 * fileBytes) / weightCount(this.#model), timings: this.#timings };
  }

  async #encode(
    plan: BitPlan,
    measurement: CurvatureSource | undefined,
    workspace: Workspace,
    work: WorkOptions = this.#options,
  ): Promise<void> {
    await this.#timed('quantize', () => this.#session.encode(this.#model, plan, measurement, workspace, work));
  }

  /** Rounds what a plan asks for and compares it with the original on a text; what was judged before is remembered. */
  async #judge(
    tokens: Int32Array,
    measurement: CurvatureSource | undefined,
    workspace: Workspace,
  ): Promise<(plan: BitPlan, part: Part, only?: (tensor: ModelTensor) => boolean) => Promise<Judgement>> {
    const judge = await this.#openJudge(tokens, measurement, workspace);
    return async (plan, { part, parts, size }, only) => {
      await this.#encode(plan, measurement, workspace);
      const work = partOf<WorkOptions>(this.#options, 'verifying', part, parts, size);
      return await this.#timed('verify', () => judge.judge(plan, only, work));
    };
  }

  async #openJudge(
    tokens: Int32Array,
    measurement: CurvatureSource | undefined,
    workspace: Workspace,
  ): Promise<PlanJudge> {
    const { evaluationLength: length } = this.#options;
    return await PlanJudge.open({ session: this.#session, measurement, workspace, length }, tokens);
  }

  async #write(plan: BitPlan, workspace: Workspace, notes: Notes, evaluation?: Evaluation): Promise<QuantizeResult> {
    const candidate = quantizedModel(this.#model, plan, workspace.blocks());
    const written = {
      formatOf: (tensor: { name: string }) => candidate.tensors.get(tensor.name)!.format,
      backend: this.#session.kernels,
      metadata: measuredNotes(notes, this.#model, plan, evaluation),
    };
    const { signal, onProgress } = this.#options;
    const fileBytes = await this.#timed('write', async () =>
      this.#writeFile(candidate, { ...written, signal, onProgress }),
    );
    workspace.forgetBlocks();
    return {
      plan,
      fileBytes,
      bitsPerWeight: (8 * fileBytes) / weightCount(this.#model),
      evaluation,
      timings: this.#timings,
    };
  }

  /** Decodes with the written file as `run` would. */
  async #measureLatency(): Promise<MeasuredLatency> {
    const { output, signal } = this.#options;
    const context = contextOf(this.#model, this.#options.context);
    const { kernels } = this.#session;
    const written = await this.#session.host.openWritten(output);
    try {
      const duration = await this.#timed('decode', () => measureDecode(kernels, written, { context, signal }));
      return { ...duration, threads: kernels.threads, context };
    } finally {
      await written.close();
    }
  }

  async #writeFile(model: Model, options: Parameters<typeof writeModelGguf>[2]): Promise<number> {
    const { output } = this.#options;
    return await writeModelGguf(model, await this.#session.host.sink(output), options);
  }

  async #timed<T>(step: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#timings[step] = (this.#timings[step] ?? 0) + (performance.now() - start) / 1000;
    }
  }
}
