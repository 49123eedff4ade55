import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tinypool } from 'tinypool';
import type { JobRunner } from './jobs.ts';

/** Rounds and prices on `threads` worker threads, a matrix or a slice of its rows at a time. */
export function workerPool(threads: number): JobRunner {
  const extension = extname(fileURLToPath(import.meta.url));
  const pool = new Tinypool({
    filename: new URL(`./worker.node${extension}`, import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    isolateWorkers: false,
  });
  return {
    concurrency: threads,
    round: (job, signal) => pool.run(job, { signal }),
    price: (job, signal) => pool.run(job, { signal }),
    close: () => pool.destroy(),
  };
}
