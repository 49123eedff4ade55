import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tinypool } from 'tinypool';
import type { Job, JobRunner } from './jobs.ts';

/** Rounds and prices on `threads` worker threads, a matrix or a slice of its rows at a time. */
export function workerPool(threads: number): JobRunner {
  const extension = extname(fileURLToPath(import.meta.url));
  const pool = new Tinypool({
    filename: new URL(`./worker.node${extension}`, import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    isolateWorkers: false,
  });
  const run = (job: Job, signal?: AbortSignal) =>
    pool.run(job, { signal }).catch((error) => {
      // The pool has an error of its own for that.
      signal?.throwIfAborted();
      throw error;
    });
  return {
    concurrency: threads,
    round: run,
    price: run,
    close: () => pool.destroy(),
  };
}
