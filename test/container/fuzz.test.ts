import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { FuzzJob, FuzzOutcome } from './fuzz-worker.ts';

/**
 * Runs a job in a worker of its own: free of the test runner's hooks, which double its time, and stopped from outside
 * should a damaged file make a reader hang.
 */
async function inWorker(job: FuzzJob): Promise<FuzzOutcome> {
  const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), { workerData: job });
  let patience: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the worker ended without an answer: a reader waits for ever')));
      patience = setTimeout(() => reject(new Error('a reader hangs')), 20 * 60_000);
    });
  } finally {
    clearTimeout(patience);
    await worker.terminate();
  }
}

test('110,000 damaged models: FormatError or a file no larger than its bytes, nothing else', async () => {
  const { read, rejected, longestArray, longestFile } = await inWorker({ job: 'models', seed: 2024, rounds: 110_000 });
  assert.equal(read + rejected, 110_000);
  // Both ways are taken: a reader that rejects everything would pass the rest.
  assert.ok(read > 10_000 && rejected > 50_000, `${read} read, ${rejected} rejected`);
  assert.ok(longestArray <= longestFile, `an array of ${longestArray} for files of at most ${longestFile} bytes`);
});

test('10,000 damaged importance matrices and KL base files: FormatError or an answer', async () => {
  const { read, rejected } = await inWorker({ job: 'statistics', seed: 7, rounds: 10_000 });
  assert.equal(read + rejected, 10_000);
  assert.ok(read > 500 && rejected > 5_000, `${read} read, ${rejected} rejected`);
});
