import type { Kernels } from '../kernels/contract.ts';
import { createWasmKernels } from '../kernels/wasm/index.ts';
import { type Job, type Price, priceFormats, roundRows } from './jobs.ts';

let kernels: Promise<Kernels> | undefined;

/** Entry of a pool worker: one thread, its own kernel memory. */
export default async function work(job: Job): Promise<Uint8Array | Price[]> {
  kernels ??= createWasmKernels({ threads: 1 });
  return job.kind === 'round' ? roundRows(await kernels, job) : priceFormats(await kernels, job);
}
