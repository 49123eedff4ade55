import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createWasmKernels } from '../kernels/wasm/index.ts';
import { priceActivations } from '../measure/activations.ts';
import { priceCache } from '../measure/cache.ts';
import { measureModel } from '../measure/measure.ts';
import type { TokenBatch } from '../measure/plan.ts';
import { openMeasurementStore } from '../measure/store.node.ts';
import type { Measurement } from '../measure/types.ts';
import { pricedCacheFormats } from '../model/cache-formats.ts';
import { type Magnitudes, magnitudesOf } from '../model/magnitudes.ts';
import type { Model } from '../model/types.ts';
import { candidates, matrixFacts } from '../quantize/candidates.ts';
import type { JobRunner } from '../quantize/jobs.ts';
import { workerPool } from '../quantize/pool.node.ts';
import { matrices, priceModel, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import { boundaryStore } from '../run/boundaries.node.ts';
import { measureLatency } from './latency/measure.ts';
import { latencyFiles } from './latency/store.node.ts';
import type { LatencyTable } from './latency/types.ts';
import type { RunPrices } from './resources/types.ts';
import { Workspace } from './workspace.node.ts';

export interface SessionOptions extends WorkOptions {
  /** Where measurements and unfinished work are kept. */
  readonly folder: string;
  /** Default: the machine's. */
  readonly threads?: number;
  /** What to run on; whoever opened it closes it. Default: WebAssembly on so many threads, for as long as the session. */
  readonly kernels?: Kernels;
  readonly seed?: number;
}

/** Tokens that the KV cache and activations are priced on: every token is a sample of its own. */
const ACTIVATION_TOKENS = 4096;

/** Changes whenever their prices would come out otherwise. */
const ACTIVATION_VERSION = 1;

/** A model with everything long work on it needs: kernels, workers, and files that remember what was done. */
export class Session {
  readonly model: Model;
  readonly magnitudes: Magnitudes;
  readonly kernels: Kernels;
  readonly runner: JobRunner;
  readonly options: SessionOptions;

  private constructor(
    model: Model,
    magnitudes: Magnitudes,
    kernels: Kernels,
    runner: JobRunner,
    options: SessionOptions,
  ) {
    this.model = model;
    this.magnitudes = magnitudes;
    this.kernels = kernels;
    this.runner = runner;
    this.options = options;
  }

  /**
   * Reads all weights once. What the model's file says of its KV cache and activations is left aside: a new file says its
   * own. The session owns the model: it is closed when it is refused.
   * @throws FormatError when the model has weights that nothing can be made of; what `refuse` throws
   */
  static async open(
    { cache: _, activations: __, ...model }: Model,
    options: SessionOptions,
    refuse?: (magnitudes: Magnitudes) => void,
  ): Promise<Session> {
    const threads = options.threads ?? availableParallelism();
    try {
      // What shapes alone forbid is said before all weights are read.
      refuse?.(new Map());
      const magnitudes = await magnitudesOf(model, options);
      refuse?.(magnitudes);
      const kernels = options.kernels ?? (await createWasmKernels({ threads }));
      return new Session(model, magnitudes, kernels, workerPool(threads), options);
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  /** Measures the model on calibration text, or finds that it was done. */
  async measure(tokens: TokenBatch): Promise<Measurement> {
    const store = await openMeasurementStore(join(this.options.folder, `${await this.#name()}.measurement.sqlite`));
    return await measureModel(this.kernels, this.model, tokens, {
      store,
      seed: this.options.seed,
      boundaries: boundaryStore,
      signal: this.options.signal,
      onProgress: this.options.onProgress,
    });
  }

  /**
   * Files of one measurement: prices and blocks made from it.
   * @param purpose blocks of the truth bench are kept apart from those of a file being made
   */
  async workspace(measurement: Measurement | undefined, purpose: 'work' | 'truth' = 'work'): Promise<Workspace> {
    const suffix = measurement === undefined ? 'plain' : `${measurement.key.text.slice(0, 8)}-${measurement.key.seed}`;
    return new Workspace(join(this.options.folder, `${await this.#name()}.${suffix}.${purpose}.sqlite`));
  }

  async price(
    measurement: Measurement,
    workspace: Workspace,
    rounding: RoundingName,
    palette?: readonly string[],
  ): Promise<SensitivityTable> {
    const { signal, onProgress } = this.options;
    return await priceModel(this.model, measurement, this.runner, {
      rounding,
      palette,
      memory: workspace.memory(),
      magnitudes: this.magnitudes,
      signal,
      onProgress,
    });
  }

  /** Measures what decoding takes on this device in every format of the palette, or finds that it was done. */
  async latency(palette?: readonly string[], context?: number): Promise<LatencyTable> {
    const { folder, signal, onProgress } = this.options;
    const formats = matrices(this.model).flatMap((tensor) =>
      candidates(matrixFacts(tensor, this.magnitudes), palette).map(({ name }) => name),
    );
    const store = latencyFiles(folder);
    return await measureLatency(this.kernels, this.model, { formats, context, store, signal, onProgress });
  }

  /**
   * Prices of what is rounded while the model runs, on the first calibration sequences.
   * @param chosen what is to be chosen for: the cache's formats, activations of so many bits
   */
  async priceRun(
    calibration: () => Promise<TokenBatch>,
    workspace: Workspace,
    { cache, activations: bits }: { readonly cache: boolean; readonly activations?: readonly number[] },
  ): Promise<RunPrices> {
    if (!cache && bits === undefined) return {};
    const { kernels, model } = this;
    const tokens = await calibration();
    const formats = pricedCacheFormats(model.config);
    return {
      cache: cache
        ? await this.#remembered(['cache', formats], tokens, workspace, (first, options) =>
            priceCache(kernels, model, first, { ...options, formats }),
          )
        : undefined,
      activations:
        bits &&
        (await this.#remembered(['activations', bits], tokens, workspace, (first, options) =>
          priceActivations(kernels, model, first, { ...options, bits }),
        )),
    };
  }

  /** Prices of what depends on activations, estimated once for all budgets. */
  async #remembered<T>(
    what: readonly unknown[],
    tokens: TokenBatch,
    workspace: Workspace,
    price: (first: TokenBatch, options: WorkOptions & { readonly seed: number }) => Promise<T>,
  ): Promise<T> {
    const { seed = 0, signal, onProgress } = this.options;
    const sequences = Math.min(tokens.sequences, Math.max(2, Math.ceil(ACTIVATION_TOKENS / tokens.length)));
    const ids = tokens.ids.subarray(0, sequences * tokens.length);
    const memory = workspace.memory<T>();
    const key = JSON.stringify([ACTIVATION_VERSION, ...what, sequences, seed]);
    const known = await memory.get(key);
    if (known !== undefined) return known;
    const prices = await price({ ...tokens, sequences, ids }, { seed, signal, onProgress });
    await memory.put(key, prices);
    return prices;
  }

  async close(): Promise<void> {
    await this.runner.close();
    if (this.options.kernels === undefined) this.kernels.close();
    await this.model.close();
  }

  async #name(): Promise<string> {
    return (await this.model.fingerprint()).slice(0, 16);
  }
}
