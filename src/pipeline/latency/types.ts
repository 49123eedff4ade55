import type { Device } from '../../kernels/wasm/device.ts';
import type { ModelConfig } from '../../model/types.ts';

/** What measured times hold for. */
export interface LatencyKey {
  readonly device: Device;
  readonly threads: number;
  /** Tokens in the KV cache, the decoded one included. */
  readonly context: number;
  readonly sizes: ModelSizes;
}

/** Sizes that times depend on: models that share them share their times. */
export type ModelSizes = Pick<
  ModelConfig,
  'architecture' | 'layers' | 'hidden' | 'feedForward' | 'heads' | 'kvHeads' | 'headDim' | 'vocabulary' | 'tied'
>;

/** One visit to one kernel: medians over the decoded tokens of the visit, in ms. */
export interface LatencyRound {
  /** All of a token's time that is not spent in products with matrices: attention, norms, sampling … */
  readonly fixed: number;
  /** One product with a matrix, by its shape `rows x columns`. */
  readonly products: Readonly<Record<string, number>>;
}

/** Times of decoding one token, measured on one device: saved as JSON, used for any plan of any model of these sizes. */
export interface LatencyTable {
  readonly version: 1;
  readonly key: LatencyKey;
  /** Rounds by kernel (`kernelOf`), in the order they were measured: all kernels were visited once before any twice. */
  readonly rounds: Readonly<Record<string, readonly LatencyRound[]>>;
}

/** A time in ms with the standard deviation of single measurements of it, estimated robustly (1.4826 · MAD). */
export interface Latency {
  readonly milliseconds: number;
  readonly spread: number;
}

/** Keeps a table while it grows, so that interrupted measuring goes on where it stopped. */
export interface LatencyStore {
  /** What is known for exactly this key. */
  read(key: LatencyKey): Promise<LatencyTable | undefined>;
  write(table: LatencyTable): Promise<void>;
}
