import type { Runtime } from '../speed/types.ts';

/** What the page offers as `globalThis.bench`. */
export interface PageBench {
  /** Whether threads can share memory. */
  readonly isolated: boolean;
  /** Loads the model into a runtime; the number names it. */
  load(kind: 'ours' | 'wllama', url: string, threads: number): Promise<number>;
  ask<K extends keyof Runtime>(index: number, what: K, ...given: Parameters<Runtime[K]>): ReturnType<Runtime[K]>;
}
