import type { WorkOptions } from '../../core/progress.ts';
import { graphDigest } from '../../graph/digest.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { describeDevice } from '../../kernels/wasm/device.ts';
import type { Model } from '../../model/types.ts';
import { contextOf } from './decode.ts';
import { kernelOf } from './predict.ts';
import type { LatencyKey, LatencyStore, LatencyTable } from './types.ts';
import { visit } from './visit.ts';

export interface LatencyOptions extends WorkOptions {
  /** Formats that plans may choose. */
  readonly formats: readonly string[];
  /** Tokens in the KV cache; default 256. */
  readonly context?: number;
  /** Visits to every kernel; default 5. */
  readonly rounds?: number;
  readonly store?: LatencyStore;
}

/** Enough for a median that two disturbed rounds do not move. */
const ROUNDS = 5;

/**
 * Measures what products with matrices of this model's shapes take in every format, and what a token takes beside them.
 * It decodes: a model of the same sizes with random blocks lies in memory as the real one would, and every product of a
 * forward pass is timed where it happens, so that weights come from where they come from in use, memory included.
 * Kernels are visited in turns, forth and back; what the store knows of this very device is not measured again.
 */
export async function measureLatency(kernels: Kernels, model: Model, options: LatencyOptions): Promise<LatencyTable> {
  const { rounds = ROUNDS, store, signal, onProgress } = options;
  const context = contextOf(model, options.context);
  const names = [...new Set(options.formats.map(kernelOf))].sort();
  const key = await latencyKey(kernels, model, context);
  let table = (await store?.read(key)) ?? { version: 2, key, rounds: {} };
  const missing = names.reduce((sum, name) => sum + Math.max(0, rounds - (table.rounds[name]?.length ?? 0)), 0);
  let done = 0;
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const known = table.rounds[name] ?? [];
      if (known.length > round) continue;
      onProgress?.({ stage: 'timing', done, total: missing, unit: 'visits to kernels', detail: name });
      const measured = await visit(kernels, model, { name, names, round, context }, signal);
      table = { ...table, rounds: { ...table.rounds, [name]: [...known, measured] } };
      await store?.write(table);
      onProgress?.({ stage: 'timing', done: ++done, total: missing, unit: 'visits to kernels', detail: name });
    }
  }
  return table;
}

/** What times belong to: this device, this many threads, this graph. @param context default 256 */
export async function latencyKey(kernels: Kernels, model: Model, context?: number): Promise<LatencyKey> {
  const [device, graph] = await Promise.all([describeDevice(kernels), graphDigest(model.graph)]);
  return { device, threads: kernels.threads, context: contextOf(model, context), graph };
}
