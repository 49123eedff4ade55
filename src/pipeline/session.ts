import type { BitPlan } from '../allocate/types.ts';
import { BitbudgetError } from '../core/errors.ts';
import type { WorkOptions } from '../core/progress.ts';
import { segmentCount } from '../graph/segments.ts';
import type { Kernels } from '../kernels/contract.ts';
import { entryMeasurementStore } from '../measure/entry-store.ts';
import { measurementKey } from '../measure/key.ts';
import { measureModel, textData } from '../measure/measure.ts';
import type { TokenBatch } from '../measure/plan.ts';
import { countTokens, enoughText } from '../measure/reach.ts';
import { priceRunning } from '../measure/running.ts';
import type { PricedSite, SiteOptions } from '../measure/site-prices.ts';
import type { Measurement, MeasurementKey } from '../measure/types.ts';
import { largeWeightsNotice, type Magnitudes, magnitudesOf } from '../model/magnitudes.ts';
import type { Model } from '../model/types.ts';
import { type CurvatureSource, encodePlan } from '../quantize/encode.ts';
import type { JobRunner } from '../quantize/jobs.ts';
import { type PricedTensor, priceModel, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import type { BoundaryShape } from '../run/boundaries.ts';
import type { Entry, EntryKey, EntryLabel, LockOptions, Records, Store } from '../store/types.ts';
import type { Host } from './host/types.ts';
import { latencyKey, measureLatency } from './latency/measure.ts';
import { latencyEntry } from './latency/store.ts';
import type { LatencyTable } from './latency/types.ts';
import { keepMagnitudes, keptMagnitudes } from './magnitudes.ts';
import { type RunningChoices, runningOptions, weightOptions } from './plan/options.ts';
import { boundaryLimit, measuringRoom } from './preflight/measuring.ts';
import { MachineSpeed } from './preflight/speed.ts';
import type { Forecast } from './preflight/types.ts';
import { Workspace, type WorkspaceKey } from './workspace.ts';

export interface SessionOptions extends WorkOptions {
  /** Where measurements and unfinished work are kept, as the host calls it; default the user's own place. */
  readonly folder?: string;
  /** Default: the host's. */
  readonly threads?: number;
  /** What to run on; whoever opened it closes it. Default: the host's on so many threads, for as long as the session. */
  readonly kernels?: Kernels;
  readonly seed?: number;
  /** Told what is out of the ordinary about the model, a line each, before any work. */
  readonly onNotice?: (line: string) => void;
}

/** Tokens that edges and states are priced on: every token is a sample of its own. */
const RUNNING_TOKENS = 4096;

/** Changes whenever their prices would come out otherwise, or are kept in another form. */
const RUNNING_VERSION = 2;

/** Beside a measurement: how many times the text that was asked for is measured on. */
const TEXT_RECORD = 'text';

/** The text that is measured on, as far as it was decided. */
async function keptText(tokens: TokenBatch, entry: Pick<Records, 'get'>): Promise<TokenBatch> {
  const times = (await entry.get(TEXT_RECORD))?.[0] ?? 1;
  return times > 1 ? (tokens.more?.() ?? tokens) : tokens;
}

/** What earlier runs have left of one measurement. */
export interface KeptWork {
  /** When it is finished. */
  readonly measurement?: Measurement;
  /** Share of the segments that are still to be measured, 0 to 1. */
  readonly unmeasured: number;
  /** Prices and evaluations, to be read by `resultsOf`. */
  readonly results: Pick<Records, 'get' | 'put'>;
}

/** A model with everything long work on it needs: kernels, workers, and the store that remembers what was done. */
export class Session {
  readonly host: Host;
  readonly model: Model;
  readonly magnitudes: Magnitudes;
  readonly kernels: Kernels;
  readonly runner: JobRunner;
  readonly store: Store;
  readonly options: SessionOptions;
  /** In use until the session ends: measurements are read from theirs bit by bit. */
  readonly #entries: Entry[] = [];
  #hasGrown = false;
  #magnitudesAreKept = false;

  private constructor(
    host: Host,
    model: Model,
    magnitudes: Magnitudes,
    kernels: Kernels,
    runner: JobRunner,
    store: Store,
    options: SessionOptions,
  ) {
    this.host = host;
    this.model = model;
    this.magnitudes = magnitudes;
    this.kernels = kernels;
    this.runner = runner;
    this.store = store;
    this.options = options;
  }

  /**
   * Reads all weights once, unless an earlier run did. What the model's file says of edges and states is left aside: a new
   * file says its own. The session owns the model: it is closed when it is refused.
   * @throws FormatError when the model has weights that nothing can be made of; what `refuse` throws
   */
  static async open(
    host: Host,
    { roundings: _, ...model }: Model,
    options: SessionOptions,
    refuse?: (magnitudes: Magnitudes) => void,
  ): Promise<Session> {
    const threads = options.threads ?? host.threads;
    try {
      // What shapes alone forbid is said before all weights are read.
      refuse?.(new Map());
      const store = await host.store(options.folder);
      const kept = await keptMagnitudes(model, store);
      const magnitudes = kept ?? (await magnitudesOf(model, options));
      refuse?.(magnitudes);
      const notice = largeWeightsNotice(magnitudes);
      if (notice !== undefined) options.onNotice?.(notice);
      const kernels = options.kernels ?? (await host.kernels(threads));
      const session = new Session(host, model, magnitudes, kernels, host.workers(threads), store, options);
      session.#magnitudesAreKept = kept !== undefined;
      return session;
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  /**
   * Measures the model on calibration text, or finds that it was done, also by another process meanwhile. More of the text
   * is read where it hardly reaches some experts.
   */
  async measure(calibration: TokenBatch): Promise<Measurement> {
    const { host, kernels, model } = this;
    const { seed, signal, onProgress } = this.options;
    const tokens = await this.#enoughText(calibration);
    const key = await this.#measurementKey(tokens);
    const entry = await this.#open({ step: 'measurement', of: key });
    const store = entryMeasurementStore(entry);
    const memory = host.availableMemory();
    const boundaries = (shape: BoundaryShape) => host.boundaries(shape, boundaryLimit(memory), entry);
    const work = () => measureModel(kernels, model, tokens, { store, seed, boundaries, signal, onProgress });
    const found = await store.find(key);
    if (found !== undefined) return found;
    this.#hasGrown = true;
    await host.checkRoom(measuringRoom(model, tokens, kernels.threads, memory), this.store.folder, this.store);
    return await entry.exclusively('measure', work, this.waiting());
  }

  /** Counted once for every text: what was found is kept beside its measurement. */
  async #enoughText(tokens: TokenBatch): Promise<TokenBatch> {
    const { host, kernels, model } = this;
    const { signal, onProgress } = this.options;
    if (tokens.more === undefined || model.config.experts === undefined) return tokens;
    const entry = await this.#open({ step: 'measurement', of: await this.#measurementKey(tokens) });
    const memory = host.availableMemory();
    const boundaries = (shape: BoundaryShape) => host.boundaries(shape, boundaryLimit(memory), entry);
    const count = (text: TokenBatch) => countTokens(kernels, model, text, { boundaries, signal, onProgress });
    if (!(await entry.has(TEXT_RECORD))) {
      const chosen = await enoughText(tokens, count);
      await entry.put(TEXT_RECORD, Uint8Array.of(chosen === tokens ? 1 : 2));
    }
    return await keptText(tokens, entry);
  }

  async #measurementKey(tokens: TokenBatch): Promise<MeasurementKey> {
    return await measurementKey(this.kernels, this.model, await textData(this.model, tokens), this.options.seed ?? 0);
  }

  /** What is kept of this model and text already; makes nothing. */
  async kept(calibration: TokenBatch): Promise<KeptWork> {
    const asked = await this.store.find({ step: 'measurement', of: await this.#measurementKey(calibration) });
    const key = await this.#measurementKey(asked === undefined ? calibration : await keptText(calibration, asked));
    await asked?.close();
    const [measured, results] = [
      await this.store.find({ step: 'measurement', of: key }),
      await this.store.find(Workspace.resultsKey({ of: key, purpose: 'work' })),
    ];
    for (const entry of [measured, results]) if (entry !== undefined) this.#entries.push(entry);
    const store = measured && entryMeasurementStore(measured);
    const measurement = await store?.find(key);
    const segments = segmentCount(this.model.graph);
    const left = measurement === undefined ? ((await store?.resume(key))?.layer ?? segments) : 0;
    return {
      measurement,
      // Experts that are measured some at a time are segments of their own.
      unmeasured: Math.min(1, left / segments),
      results: results ?? { get: async () => undefined, put: async () => {} },
    };
  }

  /** How this session waits for others, who do what it needs. */
  waiting(): LockOptions {
    const { signal, onProgress } = this.options;
    const onWait = () =>
      onProgress?.({ stage: 'waiting', done: 0, total: 1, unit: 'other run', detail: 'another run does this work' });
    return { signal, onWait };
  }

  /**
   * What is kept of one measurement: prices and blocks made from it.
   * @param learned what rounding learns from; none rounds to the nearest
   * @param job what blocks are rounded for; those of an unfinished job wait for the same job to go on
   */
  async workspace(
    learned: { readonly key: unknown } | undefined,
    { purpose = 'work', job = purpose }: Partial<Pick<WorkspaceKey, 'purpose' | 'job'>> = {},
  ): Promise<Workspace> {
    if (!this.#magnitudesAreKept) await keepMagnitudes(this.model, this.store, this.magnitudes);
    this.#magnitudesAreKept = true;
    const of = learned?.key ?? [await this.model.fingerprint(), this.kernels.name];
    return await Workspace.open(this.store, { of, purpose, job }, this.label);
  }

  async price(
    measurement: Measurement,
    workspace: Workspace,
    rounding: RoundingName,
    palette?: readonly string[],
  ): Promise<SensitivityTable> {
    const { signal, onProgress } = this.options;
    const memory = workspace.memory<PricedTensor>();
    const { magnitudes } = this;
    const options = { rounding, palette, memory, magnitudes, signal, onProgress };
    const price = () => priceModel(this.model, measurement, this.runner, options);
    return await workspace.exclusively(JSON.stringify(['price', rounding, palette]), price, this.waiting());
  }

  /** Rounds what a plan asks for and is not rounded yet, one process at a time: they find each other's blocks. */
  async encode(
    model: Model,
    plan: BitPlan,
    measurement: CurvatureSource | undefined,
    workspace: Workspace,
    work: WorkOptions = this.options,
  ): Promise<void> {
    const encode = () => encodePlan(model, plan, measurement, this.runner, workspace.blocks(), work);
    await workspace.exclusively('round', encode, this.waiting());
  }

  /** Measures what decoding takes on this device in every format of the palette, or finds that it was done. */
  async latency(palette?: readonly string[], context?: number, states = false): Promise<LatencyTable> {
    const { signal, onProgress } = this.options;
    const sites = [...weightOptions(this.model, this.magnitudes, palette), ...runningOptions(this.model, { states })];
    const formats = sites.flatMap(({ options }) => options);
    const entry = await this.#open({ step: 'latency', of: await latencyKey(this.kernels, this.model, context) });
    const options = { formats, context, store: latencyEntry(entry), signal, onProgress };
    // Alone, since two that time one device at once time each other.
    return await entry.exclusively('time', () => measureLatency(this.kernels, this.model, options), this.waiting());
  }

  /** Prices of edges and states as far as they are to be chosen, on the first calibration sequences. */
  async priceRunning(
    calibration: () => Promise<TokenBatch>,
    workspace: Workspace,
    chosen: RunningChoices,
  ): Promise<readonly PricedSite[]> {
    const sites = runningOptions(this.model, chosen);
    if (sites.length === 0) return [];
    const { seed = 0, signal, onProgress } = this.options;
    const tokens = await calibration();
    const sequences = Math.min(tokens.sequences, Math.max(2, Math.ceil(RUNNING_TOKENS / tokens.length)));
    const first = { ...tokens, sequences, ids: tokens.ids.subarray(0, sequences * tokens.length) };
    const memory = workspace.memory<PricedSite>();
    // Each site by itself: it costs the same whatever else is chosen.
    const keyOf = (asked: SiteOptions): string => JSON.stringify([RUNNING_VERSION, asked, sequences, seed]);
    const find = async (): Promise<PricedSite[]> => {
      const known = await Promise.all(sites.map((asked) => memory.get(keyOf(asked))));
      const missing = sites.filter((_, i) => known[i] === undefined);
      const options = { sites: missing, seed, signal, onProgress };
      const priced = missing.length === 0 ? [] : await priceRunning(this.kernels, this.model, first, options);
      for (const [i, prices] of priced.entries()) await memory.put(keyOf(missing[i]), prices);
      const added = new Map(priced.map((each) => [each.site, each]));
      return sites.map(({ site }, i) => known[i] ?? added.get(site)!);
    };
    return await workspace.exclusively(JSON.stringify([RUNNING_VERSION, sites, sequences, seed]), find, this.waiting());
  }

  /**
   * Learns what this machine takes from a job that was forecast. The job is done: where this cannot be kept, it is learned
   * from another.
   * @param seconds by step
   */
  async learn({ basis }: Forecast, seconds: Readonly<Record<string, number>>): Promise<void> {
    const learned = new MachineSpeed(this.store, this.kernels).learn(basis.speed, basis.amounts, seconds);
    await learned.catch((error) => {
      if (!(error instanceof BitbudgetError)) throw error;
    });
  }

  async close(): Promise<void> {
    await this.runner.close();
    if (this.options.kernels === undefined) this.kernels.close();
    await this.model.close();
    for (const entry of this.#entries) await entry.close();
    // Looking at all entries takes a while in a large store.
    if (this.#hasGrown) await this.store.evict();
  }

  async #open(key: EntryKey): Promise<Entry> {
    const entry = await this.store.open(key, this.label);
    this.#entries.push(entry);
    return entry;
  }

  /** What entries of this model are called. */
  get label(): EntryLabel {
    return { model: this.model.config.name ?? 'model' };
  }
}
