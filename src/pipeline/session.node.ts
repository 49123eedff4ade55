import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { WorkOptions } from '../core/progress.ts';
import type { Kernels } from '../kernels/contract.ts';
import { createWasmKernels } from '../kernels/wasm/index.ts';
import { measureModel } from '../measure/measure.ts';
import type { TokenBatch } from '../measure/plan.ts';
import { residualStore } from '../measure/spill.node.ts';
import { openMeasurementStore } from '../measure/store.node.ts';
import type { Measurement } from '../measure/types.ts';
import type { Model } from '../model/types.ts';
import { candidates } from '../quantize/candidates.ts';
import type { JobRunner } from '../quantize/jobs.ts';
import { workerPool } from '../quantize/pool.node.ts';
import { matrices, priceModel, type SensitivityTable } from '../quantize/sensitivity.ts';
import type { RoundingName } from '../quantize/types.ts';
import { measureLatency } from './latency/measure.ts';
import { latencyFiles } from './latency/store.node.ts';
import type { LatencyTable } from './latency/types.ts';
import { Workspace } from './workspace.node.ts';

export interface SessionOptions extends WorkOptions {
  /** Where measurements and unfinished work are kept. */
  readonly folder: string;
  /** Default: the machine's. */
  readonly threads?: number;
  readonly seed?: number;
}

/** A model with everything long work on it needs: kernels, workers, and files that remember what was done. */
export class Session {
  readonly model: Model;
  readonly kernels: Kernels;
  readonly runner: JobRunner;
  readonly options: SessionOptions;

  private constructor(model: Model, kernels: Kernels, runner: JobRunner, options: SessionOptions) {
    this.model = model;
    this.kernels = kernels;
    this.runner = runner;
    this.options = options;
  }

  static async open(model: Model, options: SessionOptions): Promise<Session> {
    const threads = options.threads ?? availableParallelism();
    return new Session(model, await createWasmKernels({ threads }), workerPool(threads), options);
  }

  /** Measures the model on calibration text, or finds that it was done. */
  async measure(tokens: TokenBatch): Promise<Measurement> {
    const store = await openMeasurementStore(join(this.options.folder, `${await this.#name()}.measurement.sqlite`));
    return await measureModel(this.kernels, this.model, tokens, {
      store,
      seed: this.options.seed,
      residuals: residualStore,
      signal: this.options.signal,
      onProgress: this.options.onProgress,
    });
  }

  /** Files of one measurement: prices and blocks made from it. */
  async workspace(measurement: Measurement | undefined): Promise<Workspace> {
    const suffix = measurement === undefined ? 'plain' : `${measurement.key.text.slice(0, 8)}-${measurement.key.seed}`;
    return new Workspace(join(this.options.folder, `${await this.#name()}.${suffix}.work.sqlite`));
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
      signal,
      onProgress,
    });
  }

  /** Measures what decoding takes on this device in every format of the palette, or finds that it was done. */
  async latency(palette?: readonly string[], context?: number): Promise<LatencyTable> {
    const { folder, signal, onProgress } = this.options;
    const formats = matrices(this.model).flatMap(({ shape }) => candidates(shape[1], palette).map(({ name }) => name));
    const store = latencyFiles(folder);
    return await measureLatency(this.kernels, this.model, { formats, context, store, signal, onProgress });
  }

  async close(): Promise<void> {
    await this.runner.close();
    this.kernels.close();
    await this.model.close();
  }

  async #name(): Promise<string> {
    return (await this.model.fingerprint()).slice(0, 16);
  }
}
