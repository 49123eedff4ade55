import { dirname, join } from 'node:path';
import type { BitPlan } from '../allocate/types.ts';
import { fileSink } from '../container/node.ts';
import { partOf, type WorkOptions } from '../core/progress.ts';
import type { Evaluation } from '../evaluate/types.ts';
import type { Kernels } from '../kernels/contract.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Measurement } from '../measure/types.ts';
import { checkActivations } from '../model/activation-bits.ts';
import { checkCacheFormats } from '../model/cache-formats.ts';
import type { Magnitudes } from '../model/magnitudes.ts';
import { openModel } from '../model/open.node.ts';
import type { Model, ModelTensor } from '../model/types.ts';
import { writeModelGguf } from '../model/write-gguf.ts';
import { encodePlan, plannedFormat } from '../quantize/encode.ts';
import { quantizedModel } from '../quantize/quantized.ts';
import { matrices, refuseUnusablePalette, type SensitivityTable } from '../quantize/sensitivity.ts';
import { storedPlan } from '../quantize/stored-plan.ts';
import type { Substitute } from '../quantize/substitutes.ts';
import type { RoundingName } from '../quantize/types.ts';
import { contextOf, measureDecode } from './latency/decode.ts';
import type { Latency } from './latency/types.ts';
import { importanceSource, measurePeers, predictPeers } from './peers/peers.node.ts';
import type { Peer, PeerModel } from './peers/types.ts';
import { type Corrections, TYPICAL_CORRECTION } from './plan/corrections.ts';
import { type Goal, openGoal } from './plan/goal.node.ts';
import { type FileFacts, fileNotes, measuredNotes, runNotes } from './plan/notes.node.ts';
import { Planner } from './plan/planner.ts';
import { type Wishes, weightCount } from './plan/wishes.ts';
import type { Budgets } from './resources/table.ts';
import type { Deployment, Notes, RunPrices } from './resources/types.ts';
import { Session } from './session.node.ts';
import type { HeldOut } from './texts.node.ts';
import { type Judgement, PlanJudge } from './verify/judge.node.ts';
import { probeResult } from './verify/learn.node.ts';
import { ProbeLog } from './verify/probe-log.ts';
import { evaluationsOf, type SolverChoice, searchPlan } from './verify/search.node.ts';
import { type Part, type VerifyResult, verify } from './verify/verify.ts';
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
  /** Sequences to measure on; asked for when something is measured. */
  readonly calibration: () => Promise<TokenBatch>;
  /** Held-out text to verify on; without it nothing is verified. */
  readonly evaluation?: () => Promise<HeldOut>;
  /** Held-out text for solvers that search by true evaluations. */
  readonly searchText?: () => Promise<Int32Array>;
  /** Tokens per window of the evaluation. */
  readonly evaluationLength?: number;
  /** Default `.bitbudget` beside the output. */
  readonly folder?: string;
  /** What to run on, see `SessionOptions`. */
  readonly kernels?: Kernels;
  /** What the file tells of where it comes from. */
  readonly facts?: FileFacts;
  /** What the result is compared with; default nothing. */
  readonly peers?: PeerChoice;
}

/** The files that one would take otherwise. */
export interface PeerChoice {
  /** Whether llama-quantize's are made and measured; predicted they are always. */
  readonly measure: boolean;
  /** Files at hand; closed when the work is done. */
  readonly models: readonly PeerModel[];
}

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
export async function quantizeModel(model: Model, options: QuantizeOptions): Promise<QuantizeResult> {
  const folder = options.folder ?? join(dirname(options.output), '.bitbudget');
  const session = await Session.open(model, { ...options, folder }, (magnitudes) => refuse(model, magnitudes, options));
  try {
    return await new QuantizeRun(session, options).run();
  } finally {
    await session.close();
    for (const { model: peer } of options.peers?.models ?? []) await peer.close();
  }
}

/** @throws UsageError for what the model cannot be made into */
function refuse(model: Model, magnitudes: Magnitudes, { palette, target }: QuantizeOptions): void {
  refuseUnusablePalette(model, magnitudes, palette);
  if (target.kind !== 'plan') return;
  const { cache, activations } = target.plan;
  if (cache) checkCacheFormats(model.config, cache, 'plan');
  if (activations) checkActivations(model, activations, 'plan');
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
      return { ...(await this.#carryOutOrConvert(plan)), substitutes };
    }
    const goal = await this.#openGoal(target.wishes);
    const measured = await this.#timed('measure', async () => this.#session.measure(await this.#options.calibration()));
    const workspace = await this.#session.workspace(measured);
    try {
      const result = await this.#fitBudgets(measured, workspace, goal);
      return goal.budgets.latency === undefined ? result : { ...result, latency: await this.#measureLatency() };
    } finally {
      workspace.close();
    }
  }

  async #carryOutOrConvert(plan: BitPlan): Promise<QuantizeResult> {
    if (isConversion(this.#model, plan)) return await this.#convert(plan);
    const measured = await this.#timed('measure', async () => this.#session.measure(await this.#options.calibration()));
    const workspace = await this.#session.workspace(measured);
    try {
      return await this.#carryOut(plan, measured, workspace);
    } finally {
      workspace.close();
    }
  }

  async #openGoal(wishes: Wishes): Promise<Goal> {
    const measured = this.#options.evaluation !== undefined;
    return await this.#timed('check', () => openGoal(this.#session, wishes, { ...this.#options, measured }));
  }

  /** Solves for budgets, verifies, writes the best plan. */
  async #fitBudgets(
    measurement: Measurement,
    workspace: Workspace,
    { budgets, setting }: Goal,
  ): Promise<QuantizeResult> {
    const { rounding, palette, evaluation } = this.#options;
    const table = await this.#timed('price', () => this.#session.price(measurement, workspace, rounding, palette));
    const prices = await this.#timed('price', () => this.#priceRun(workspace, budgets));
    const planner = new Planner({ ...setting, ...prices, table });
    const notes = setting.notes!;
    const { seed, solver, objective, mostFormats } = this.#options;
    const choice = { seed, solver, objective, mostFormats };
    const searched = await this.#search(planner, table, measurement, workspace, budgets);
    if (evaluation === undefined) {
      const solved = searched ?? (await planner.plan(budgets, choice));
      const plan = planner.predict(solved, TYPICAL_CORRECTION);
      await this.#encode(plan, measurement, workspace);
      const peers = await this.#peers(plan, measurement, workspace, table, TYPICAL_CORRECTION);
      return { ...(await this.#write(plan, workspace, notes)), targetBytes: budgets.bytes, table, measurement, peers };
    }
    const { judged, probed } = await evaluation();
    const judge = await this.#judge(judged, measurement, workspace);
    const prober = await this.#judge(probed, measurement, workspace);
    const verification = await verify(table, {
      solve: async (corrections) => searched ?? (await planner.plan(budgets, { ...choice, corrections })),
      predict: (plan, corrections) => planner.predict(plan, corrections),
      measure: async (plan, part) => (await judge(plan, part)).evaluation,
      probe: async (plan, only, part) => probeResult(await prober(plan, part, only)),
    });
    const proberText = (await this.#openJudge(probed, measurement, workspace)).text;
    await new ProbeLog(workspace.memory(), table, proberText).add(verification.probes);
    const { plan, evaluation: result } = verification.best;
    const peers = await this.#peers(plan, measurement, workspace, table, verification.corrections);
    return {
      ...(await this.#write(plan, workspace, notes, result)),
      targetBytes: budgets.bytes,
      verification,
      table,
      measurement,
      peers,
    };
  }

  /** Other files of the model: predicted from the table, and measured where it is asked for. */
  async #peers(
    plan: BitPlan,
    measurement: Measurement,
    workspace: Workspace,
    table: SensitivityTable,
    corrections: Corrections,
  ): Promise<readonly Peer[] | undefined> {
    const { peers, evaluation } = this.#options;
    if (peers === undefined) return undefined;
    const setting = { session: this.#session, measurement, workspace, table, corrections };
    return await this.#timed('compare', async () => {
      const predicted = await predictPeers(setting, plan.prediction!.fileBytes, this.#options);
      if (evaluation === undefined || (!peers.measure && peers.models.length === 0)) return predicted;
      const judge = await this.#peerJudge((await evaluation()).judged, measurement, workspace);
      const chosen = { recipes: peers.measure, models: peers.models };
      return await measurePeers(this.#model, judge, predicted, chosen, this.#options);
    });
  }

  async #peerJudge(judged: Int32Array, measurement: Measurement, workspace: Workspace): Promise<PlanJudge> {
    const { evaluationLength: length } = this.#options;
    const source = importanceSource(measurement);
    return await PlanJudge.open({ session: this.#session, measurement: source, workspace, length }, judged);
  }

  /** Prices of what is rounded while the model runs, as far as it is to be chosen. */
  async #priceRun(workspace: Workspace, { kv }: Budgets): Promise<RunPrices> {
    const { calibration, activations } = this.#options;
    const chosen = { cache: kv !== undefined, activations };
    return await this.#session.priceRun(calibration, workspace, chosen);
  }

  /** The plan of a solver that searches by true evaluations; undefined for others. */
  async #search(
    planner: Planner,
    table: SensitivityTable,
    measurement: Measurement,
    workspace: Workspace,
    budgets: Budgets,
  ): Promise<BitPlan | undefined> {
    const { solver, evaluations, seed, mostFormats, searchText } = this.#options;
    if (evaluationsOf(this.#options) === undefined) return undefined;
    return await this.#timed('search', async () => {
      const judge = await this.#openJudge(await searchText!(), measurement, workspace);
      return await searchPlan(
        planner,
        table,
        budgets,
        judge,
        { solver, evaluations, seed, mostFormats },
        this.#options,
      );
    });
  }

  /** Rounds and writes a plan that was given. */
  async #carryOut(plan: BitPlan, measurement: Measurement, workspace: Workspace): Promise<QuantizeResult> {
    await this.#encode(plan, measurement, workspace);
    const { evaluation: heldOut, facts } = this.#options;
    const judge = heldOut && (await this.#judge((await heldOut()).judged, measurement, workspace));
    const evaluation = (await judge?.(plan, { part: 0, parts: 1 }))?.evaluation;
    const notes = fileNotes({
      rounding: plan.rounding,
      facts,
      budgets: plan.budgets,
      predicted: plan.prediction !== undefined,
      measured: evaluation !== undefined,
      run: runNotes(this.#model, plan),
    });
    return { ...(await this.#write(plan, workspace, notes, evaluation)), measurement };
  }

  /** Writes a plan of plain floats: nothing to measure, nothing to keep. */
  async #convert(plan: BitPlan): Promise<QuantizeResult> {
    const { output, signal, onProgress } = this.#options;
    const formatOf = (tensor: ModelTensor): string => plannedFormat(plan, tensor);
    const sink = await fileSink(output);
    const metadata = runNotes(this.#model, plan);
    const backend = this.#session.kernels;
    const fileBytes = await this.#timed('write', () =>
      writeModelGguf(this.#model, sink, { formatOf, metadata, backend, signal, onProgress }),
    );
    return { plan, fileBytes, bitsPerWeight: (8 * fileBytes) / weightCount(this.#model), timings: this.#timings };
  }

  async #encode(
    plan: BitPlan,
    measurement: Measurement,
    workspace: Workspace,
    work: WorkOptions = this.#options,
  ): Promise<void> {
    await this.#timed('quantize', () =>
      encodePlan(this.#model, plan, measurement, this.#session.runner, workspace.blocks(), work),
    );
  }

  /** Rounds what a plan asks for and compares it with the original on a text; what was judged before is remembered. */
  async #judge(
    tokens: Int32Array,
    measurement: Measurement,
    workspace: Workspace,
  ): Promise<(plan: BitPlan, part: Part, only?: (tensor: ModelTensor) => boolean) => Promise<Judgement>> {
    const judge = await this.#openJudge(tokens, measurement, workspace);
    return async (plan, { part, parts }, only) => {
      await this.#encode(plan, measurement, workspace);
      const work = partOf<WorkOptions>(this.#options, 'verifying', part, parts);
      return await this.#timed('verify', () => judge.judge(plan, only, work));
    };
  }

  async #openJudge(tokens: Int32Array, measurement: Measurement, workspace: Workspace): Promise<PlanJudge> {
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
    const { output, signal, onProgress } = this.#options;
    const fileBytes = await this.#timed('write', async () =>
      writeModelGguf(candidate, await fileSink(output), { ...written, signal, onProgress }),
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

  async #timed<T>(step: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#timings[step] = (this.#timings[step] ?? 0) + (performance.now() - start) / 1000;
    }
  }
}

/** Plain floats, and blocks copied as they are, learn nothing from text. */
function isConversion(model: Model, plan: BitPlan): boolean {
  return matrices(model).every((tensor) => ['F32', 'F16', 'BF16', tensor.format].includes(plannedFormat(plan, tensor)));
}
