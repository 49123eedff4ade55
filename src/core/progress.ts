/** One step of long work, as the CLI's progress bar and the library's callers see it. */
export interface ProgressEvent {
  /** What is being done, a short present participle: `measuring`, `quantizing`. */
  stage: string;
  /** Work finished so far, in `unit`s. */
  done: number;
  /** Work in all, in `unit`s. */
  total: number;
  /** What is counted, default `''`: `tokens`, `tensors`, `bytes`. */
  unit?: string;
  /** What is being worked on now, such as a tensor's name. */
  detail?: string;
}

/** Options that every long-running step takes. */
export interface WorkOptions {
  /** Aborting makes the step throw `signal.reason` at its next check point; finished work is kept. */
  signal?: AbortSignal;
  onProgress?: (event: ProgressEvent) => void;
}

/**
 * Options for one of several like parts of a stage: whatever the part reports counts as its share of the whole.
 * @param part what came before it: its number from 0, where all parts are alike
 * @param parts all of them together
 * @param size of this part
 */
export function partOf<T extends WorkOptions>(work: T, stage: string, part: number, parts: number, size = 1): T {
  const { onProgress } = work;
  if (onProgress === undefined) return work;
  let share = 0;
  return {
    ...work,
    onProgress: ({ done, total }: ProgressEvent) => {
      // A part may have stages of its own: it never goes backwards.
      share = Math.max(share, total > 0 ? Math.min(1, done / total) : 0);
      onProgress({ stage, done: part + size * share, total: parts });
    },
  };
}

/**
 * Check point of long work: lets timers, signals and I/O run, then throws if the work was aborted.
 * Kernels are synchronous, so loops around them call this every few tens of milliseconds.
 */
export async function checkpoint(signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) =>
    typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve),
  );
  signal?.throwIfAborted();
}
