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

/** A runtime with the model loaded. */
export interface Contender {
  readonly name: string;
  measure(workload: Workload): Promise<Speed>;
  close(): Promise<void>;
}

/** Tokens that a contender must be able to hold. */
export const CONTEXT = 512;
