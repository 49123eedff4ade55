import type { Speed, Workload } from '../speed/types.ts';

/** What the page offers as `globalThis.bench`. */
export interface PageBench {
  /** Whether threads can share memory. */
  readonly isolated: boolean;
  /** Loads the model into a runtime; the number names it. */
  load(kind: 'ours' | 'wllama', url: string, threads: number): Promise<number>;
  measure(index: number, workload: Workload): Promise<Speed>;
}
