import type { Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';

let opened: Promise<Kernels> | undefined;

/**
 * One single-threaded WebAssembly backend of the build for today's machines per test process.
 * @throws when that build is missing or broken: a test of kernels must not pass on other ones
 */
export function testKernels(): Promise<Kernels> {
  opened ??= createWasmKernels({ threads: 1, build: 'relaxed' });
  return opened;
}
