import type { Latency, LatencyTable } from '../../src/pipeline/latency/types.ts';

/** Tokens of one measurement: `prompt` is run at once, then each of `generated` by itself. */
export interface Workload {
  readonly prompt: number[];
  readonly generated: number[];
}

/** Seconds that the two parts of a workload took. */
export interface Speed {
  readonly prefill: number;
  readonly decode: number;
}

/** A token with its probability of being the next one. */
export interface LikelyToken {
  readonly token: number;
  readonly p: number;
}

/** What a runtime with a model loaded is asked for. */
export interface Runtime {
  measure(workload: Workload): Promise<Speed>;
  /** The likeliest tokens to follow the prompt, likeliest first. */
  likeliest(prompt: number[], count: number): Promise<LikelyToken[]>;
  /** One round of times of single products in formats, and those of whole tokens of the loaded model. */
  latency(formats: string[]): Promise<{ table: LatencyTable; decoded: Latency }>;
}

/** A runtime that is measured beside others. */
export interface Contender extends Pick<Runtime, 'measure'> {
  readonly name: string;
  close(): Promise<void>;
}

/** Tokens that a contender must be able to hold. */
export const CONTEXT = 512;
