import type { BitPlan } from '../allocate/types.ts';
import { fileSink } from '../container/node.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Evaluation } from '../evaluate/types.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement } from '../measure/types.ts';
import { openModel } from '../model/open.node.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { writeModelGguf } from '../model/write-gguf.ts';
import { plannedFormat } from '../quantize/encode.ts';
import { quantizedModel } from '../quantize/quantized.ts';
import type { SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import { contextOf, measureDecode } from './latency/decode.ts';
import type { Latency } from './latency/types.ts';
import { type Goal, openGoal } from './plan/goal.node.ts';
import { fileNotes, measuredNotes, runNotes } from './plan/notes.ts';
import { Planner } from './plan/planner.ts';
import { type Wishes, weightCount } from './plan/wishes.ts';
import type { Forecast } from './preflight/forecast.node.ts';
import { isConversion, type PreparedJob, prepareJob, refuseJob } from './preflight/job.node.ts';
import { makeFolders } from './preflight/outputs.node.ts';
import type { Budgets } from './resources/table.ts';
import type { Deployment, Notes, RunPrices } from './resources/types.ts';
import { checkModel, Session } from './session.node.ts';
import type { HeldOut } from './texts.node.ts';
import { PlanJudge } from './verify/judge.node.ts';
import { RememberedRuns } from './verify/remembered.node.ts';
import { evaluationsOf, type SolverChoice, searchPlan } from './verify/search.node.ts';
import { type VerifyResult, verify } from './verify/verify.ts';
import type { Workspace } from './workspace.node.ts';

/** What the file must be: within budgets, or as a plan says. */
export type Target =
  | { readonly kind: 'budgets'; readonly wishes: Wishes }
  | { readonly kind: 'plan'; readonly plan: BitPlan };

export interface QuantizeOptions extends WorkOptions, SolverChoice, Deployment {
  readonly output: string;
  readonly target: Target;
  readonly rounding: RoundingName;
  readonly palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to; default none. */
  readonly activations?: readonly number[];
  /** Sequences to measure on, asked for when something is measured; without any, a plan is rounded to the nearest. */
  readonly calibration?: () => Promise<TokenBatch>;
  /** Held-out text to verify on; without it nothing is verified. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Held-out text for solvers that search by true evaluations. */
  readonly searchText?: () => Promise<Int32Array>;
  /** Tokens per window of the evaluation. */
  readonly evaluationLength?: number;
  /** Told before any long work begins. */
  readonly onForecast?: (forecast: Forecast) => void;
  /** Where work is kept; default the user's own folder. */
  readonly folder?: string;
}

export interface QuantizeResult {
  readonly plan: BitPlan;
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
export async function quantizeModel(model: Model, options: QuantizeOptions): Promise<QuantizeResult> {
  await checkModel(model, () => refuseJob(model, options));
  const session = await Session.open(model, options);
  try {
    return await new QuantizeRun(session, options).run();
  } finally {
    await session.close();
  }
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
    if (target.kind === 'plan' && isConversion(this.#model, target.plan)) return await this.#convert(target.plan);
    const goal = target.kind === 'budgets' ? await this.#openGoal(target.wishes) : undefined;
    const job = await this.#timed('check', () => prepareJob(this.#session, goal, this.#options));
    const { calibration } = job;
    const measured = calibration && (await this.#timed('measure', () => this.#session.measure(calibration)));
    const workspace = await this.#session.workspace(measured, { job: this.#job });
    try {
      const result =
        target.kind === 'plan'
          ? await this.#carryOut(target.plan, job, measured, workspace)
          : await this.#fitBudgets(job, measured!, workspace, goal!);
      await this.#session.learn(job.forecast, this.#timings);
      return goal?.budgets.latency === undefined ? result : { ...result, latency: await this.#measureLatency() };
    } finally {
      await workspace.close();
    }
  }

  /** What blocks are rounded for: the same command finds them again, wherever its output lies. */
  get #job(): unknown {
    const { target, rounding, palette, activations, solver, evaluations, seed } = this.#options;
    return ['quantize', target, rounding, palette, activations, solver, evaluations, seed];
  }

  async #openGoal(wishes: Wishes): Promise<Goal> {
    return await this.#timed('check', () => openGoal(this.#session, wishes, this.#options));
  }

  /** Solves for budgets, verifies, writes the best plan. */
  async #fitBudgets(
    { heldOut, calibration }: PreparedJob,
    measurement: Measurement,
    workspace: Workspace,
    { budgets, setting }: Goal,
  ): Promise<QuantizeResult> {
    const { rounding, palette } = this.#options;
    const table = await this.#timed('price', () => this.#session.price(measurement, workspace, rounding, palette));
    const prices = await this.#timed('price', () => this.#priceRun(calibration!, workspace, budgets));
    const planner = new Planner({ ...setting, ...prices, table });
    const notes = setting.notes!;
    const { seed, solver } = this.#options;
    const searched = await this.#search(planner, table, measurement, workspace, budgets);
    if (heldOut === undefined) {
      const plan = searched ?? (await planner.plan(budgets, { seed, solver }));
      await this.#encode(plan, measurement, workspace);
      return { ...(await this.#write(plan, workspace, notes)), targetBytes: budgets.bytes, table, measurement };
    }
    const { judged, probed } = heldOut;
    const judge = await this.#judge(judged, measurement, workspace);
    const prober = await this.#judge(probed, measurement, workspace);
    const verification = await verify(table, {
      solve: async (corrections) => searched ?? (await planner.plan(budgets, { corrections, seed, solver })),
      predict: (plan, corrections) => planner.predict(plan, corrections),
      measure: judge,
      probe: async (plan, only) => (await prober(plan, only)).kl,
    });
    const { plan, evaluation: result } = verification.best;
    await new RememberedRuns(workspace, table).remember({ ...this.#options, budgets }, plan, verification.probes);
    return {
      ...(await this.#write(plan, workspace, notes, result)),
      targetBytes: budgets.bytes,
      verification,
      table,
      measurement,
    };
  }

  /** Prices of what is rounded while the model runs, as far as it is to be chosen. */
  async #priceRun(calibration: TokenBatch, workspace: Workspace, { kv }: Budgets): Promise<RunPrices> {
    const { activations } = this.#options;
    const chosen = { cache: kv !== undefined, activations };
    return await this.#session.priceRun(async () => calibration, workspace, chosen);
  }

  /** The plan of a solver that searches by true evaluations; undefined for others. */
  async #search(
    planner: Planner,
    table: SensitivityTable,
    measurement: Measurement,
    workspace: Workspace,
    budgets: Budgets,
  ): Promise<BitPlan | undefined> {
    const { solver, evaluations, seed, searchText } = this.#options;
    if (evaluationsOf(this.#options) === undefined) return undefined;
    return await this.#timed('search', async () => {
      const judge = await this.#openJudge(await searchText!(), measurement, workspace);
      return await searchPlan(planner, table, budgets, judge, { solver, evaluations, seed }, this.#options);
    });
  }

  /** Rounds and writes a plan that was given. */
  async #carryOut(
    plan: BitPlan,
    { heldOut }: PreparedJob,
    measurement: Measurement | undefined,
    workspace: Workspace,
  ): Promise<QuantizeResult> {
    await this.#encode(plan, measurement, workspace);
    const judge = heldOut && (await this.#judge(heldOut.judged, measurement, workspace));
    const evaluation = await judge?.(plan);
    return {
      ...(await this.#write(plan, workspace, fileNotes(plan.rounding, runNotes(this.#model, plan)), evaluation)),
      measurement,
    };
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

  async #encode(plan: BitPlan, measurement: Measurement | undefined, workspace: Workspace): Promise<void> {
    await this.#timed('quantize', () => this.#session.encode(this.#model, plan, measurement, workspace, this.#options));
  }

  /** Rounds what a plan asks for and compares it with the original on a text; what was judged before is remembered. */
  async #judge(
    tokens: Int32Array,
    measurement: Measurement | undefined,
    workspace: Workspace,
  ): Promise<(plan: BitPlan, only?: (tensor: ModelTensor) => boolean) => Promise<Evaluation>> {
    const judge = await this.#openJudge(tokens, measurement, workspace);
    return async (plan, only) => {
      await this.#encode(plan, measurement, workspace);
      return (await this.#timed('verify', () => judge.judge(plan, only, this.#options))).evaluation;
    };
  }

  async #openJudge(tokens: Int32Array, measurement: Measurement | undefined, workspace: Workspace): Promise<PlanJudge> {
    const { evaluationLength: length } = this.#options;
    return await PlanJudge.open({ session: this.#session, measurement, workspace, length }, tokens);
  }

  async #write(plan: BitPlan, workspace: Workspace, notes: Notes, evaluation?: Evaluation): Promise<QuantizeResult> {
    const candidate = quantizedModel(this.#model, plan, workspace.blocks());
    const written = {
      formatOf: (tensor: { name: string }) => candidate.tensors.get(tensor.name)!.format,
      backend: this.#session.kernels,
      metadata: new Map([...notes, ...measuredNotes(notes, this.#model, plan, evaluation)]),
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
    const written = await openModel(output);
    try {
      const duration = await this.#timed('decode', () => measureDecode(kernels, written, { context, signal }));
      return { ...duration, threads: kernels.threads, context };
    } finally {
      await written.close();
    }
  }

  /** The folder may have been removed meanwhile. */
  async #writeFile(model: Model, options: Parameters<typeof writeModelGguf>[2]): Promise<number> {
    const { output } = this.#options;
    await makeFolders([output]);
    return await writeModelGguf(model, await fileSink(output), options);
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
