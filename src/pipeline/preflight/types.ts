/** Steps whose time is told ahead, in order. */
export const STEPS = ['measure', 'price', 'quantize', 'verify', 'compare'] as const;
export type StepName = (typeof STEPS)[number];

/** What a job needs beside time. */
export interface RoomNeeded {
  /** Most memory of the process. */
  readonly memoryBytes: number;
  readonly outputBytes: number;
  /** That stay in the store. */
  readonly keptBytes: number;
  /** That lie there until the job is done. */
  readonly temporaryBytes: number;
}

/** What a job will take, told before it begins. */
export interface Forecast extends RoomNeeded {
  readonly seconds: number;
  /** Seconds of each step; what was done before takes none. */
  readonly steps: Readonly<Record<StepName, number>>;
  /** What the times were computed from, for learning from the real ones. */
  readonly basis: { readonly speed: number; readonly amounts: Readonly<Record<StepName, number>> };
}
