import type { TokenBatch } from '../../src/measure/plan.ts';

/** A commit's files in a folder of their own, ready to run. */
export interface Checkout {
  /** What it is called in reports: a short hash, or `working tree`. */
  readonly name: string;
  readonly root: string;
}

/** An array that a commit computed, as bytes: what two commits are compared by. */
export interface Digest {
  /** `numbers`: float64 with names, of different kinds. */
  readonly type: 'float32' | 'float64' | 'numbers';
  readonly length: number;
  /** SHA-256 over the array's bytes and, where numbers have names, over those. */
  readonly sha256: string;
}

/** By the array's name. */
export type Digests = Readonly<Record<string, Digest>>;

/** A model file and how it is run. */
export interface RunJob {
  readonly file: string;
  readonly threads: number;
  /** All matrices as float32, in place of products from their blocks. */
  readonly exact: boolean;
}

export interface LogitsJob extends RunJob {
  /** Each is run at once from an empty cache, then `continuation` token by token. */
  readonly prompts: readonly (readonly number[])[];
  readonly continuation: readonly number[];
}

export interface MeasureJob {
  /** Model file or folder. */
  readonly file: string;
  readonly threads: number;
  readonly tokens: TokenBatch;
  /** Where the measurement is kept; empty at first. */
  readonly folder: string;
  /** Formats to price. */
  readonly palette: readonly string[];
  /** Bits of activations to price. */
  readonly activations: readonly number[];
}

export interface EvaluateJob {
  readonly reference: string;
  readonly candidate: string;
  readonly threads: number;
  readonly tokens: readonly number[];
  /** Tokens per window. */
  readonly length: number;
}

export interface LoadJob extends RunJob {
  readonly prompt: readonly number[];
  /** Tokens in the cache once the prompt, or a decoded token, is in it. */
  readonly context: number;
  readonly vocabulary: number;
}

/** How often each is run for one measurement. */
export interface Repeats {
  readonly prefill: number;
  readonly decode: number;
}

/** `wall`: elapsed time. `cpu`: processor time of the whole process, all threads together. */
export type Clock = 'wall' | 'cpu';

export interface TimeJob extends Repeats {
  readonly clock: Clock;
}

/** Milliseconds of one run of each. */
export type Times = Repeats;

/** What a commit's process is asked for: JSON lines `{ name, job }`, answered by `{ result }` or `{ error }`. */
export interface Operations {
  logits(job: LogitsJob): Promise<Digests>;
  /** Measures, then prices: factors and sketches of every use, prices of weights, cache and activations. */
  measure(job: MeasureJob): Promise<Digests>;
  evaluate(job: EvaluateJob): Promise<Digests>;
  /** Writes arrays of the last answer as raw bytes. Returns their paths. */
  save(job: { readonly names: readonly string[]; readonly folder: string }): Promise<string[]>;
  /** Loads a model for `time` and fills its cache. */
  load(job: LoadJob): Promise<void>;
  time(job: TimeJob): Promise<Times>;
}

export type OperationName = keyof Operations;
export type Job<Name extends OperationName> = Parameters<Operations[Name]>[0];
export type Result<Name extends OperationName> = Awaited<ReturnType<Operations[Name]>>;

/** One line of a comparison. */
export interface Comparison {
  /** Lines of one heading are summed up together. */
  readonly heading: string;
  /** What was run, as far as the heading does not say it. */
  readonly detail: string;
  /** Values compared: arrays, or tensors of files. */
  readonly compared: number;
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly name: string;
  /** Largest |a − b| by the largest |a|, of `numbers` by |a| itself; Infinity where they cannot be subtracted. */
  readonly relative: number;
  /** What is different, where it is not a number. */
  readonly reason?: string;
}
