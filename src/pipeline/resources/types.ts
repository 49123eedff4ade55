import type { CacheState } from '../../graph/states.ts';
import type { PricedActivations } from '../../measure/activations.ts';
import type { PricedCache } from '../../measure/cache.ts';
import type { Model } from '../../model/types.ts';
import type { PricedTensor, SensitivityTable } from '../../quantize/sensitivity.ts';
import type { TypedMetadata } from '../../text/types.ts';
import type { LatencyTable } from '../latency/types.ts';

/** Notes that are written into every file; part of its size. */
export type Notes = ReadonlyMap<string, TypedMetadata>;

/** How the model will be run. */
export interface Deployment {
  /** Matrices that runtimes fuse share a format: q, k and v; gate and up. */
  readonly fuse?: boolean;
  /**
   * Tokens of context: what memory and the KV cache are told for, default the model's own and at most 4096, and costs per
   * decoded token, default at most 256.
   */
  readonly context?: number;
  /** Threads that memory is told for, default 1. */
  readonly threads?: number;
  /** One format for all keys and one for all values, as llama.cpp takes them. */
  readonly kvUniform?: boolean;
}

/** Prices of what is rounded while the model runs. */
export interface RunPrices {
  /** Of the KV cache, where its formats are to be chosen too. */
  readonly cache?: readonly PricedCache[];
  /** Of rounding activations, where their bits are to be chosen too. */
  readonly activations?: readonly PricedActivations[];
}

/** What plans are made for. */
export interface Setting extends Deployment, RunPrices {
  readonly model: Model;
  readonly table: SensitivityTable;
  readonly notes?: Notes;
  /** Times of this device, where latency matters. */
  readonly latency?: LatencyTable;
}

/** Context length of `run`, where none is given. */
const CONTEXT = 4096;

/** Tokens that memory and the KV cache are told for. */
export function heldContext({ model, context }: Setting): number {
  return context ?? Math.min(model.config.contextLength, CONTEXT);
}

/** What a plan can be budgeted by, for one model. */
export interface Resource {
  readonly name: string;
  /** What is taken whatever is chosen, ≥ 0. */
  readonly fixed: number;
  /** What a matrix takes in a format, its inputs rounded to some bits or, by default, not, ≥ 0. */
  cost(tensor: PricedTensor, formatName: string, activationBits?: number): number;
  /** What a state takes in a format, ≥ 0; default nothing. */
  cacheCost?(state: CacheState, formatName: string): number;
  /** For messages, where the name does not say it. */
  readonly unit?: string;
  /** Of measured amounts: standard deviation of a plan's amount, its formats by tensor. */
  spread?(formatOf: (tensor: string) => string): number;
}
