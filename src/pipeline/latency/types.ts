import type { Device } from '../../kernels/wasm/device.ts';

/** What measured times hold for. */
export interface LatencyKey {
  readonly device: Device;
  readonly threads: number;
  /** Tokens in the KV cache, the decoded one included. */
  readonly context: number;
  /** Digest of the graph: models that compute the same share their times. */
  readonly graph: string;
}

/** One visit to one kernel: medians over the decoded tokens of the visit, in ms. */
export interface LatencyRound {
  /** All of a token's time that no choice of formats changes: attention, norms, sampling … */
  readonly fixed: number;
  /** One product with a matrix, or one decoding of a packed cache, by its shape (`shapeOf`). */
  readonly products: Readonly<Record<string, number>>;
}

/** Times of decoding one token, measured on one device: saved as JSON, used for any plan of any model of this graph. */
export interface LatencyTable {
  readonly version: 2;
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
