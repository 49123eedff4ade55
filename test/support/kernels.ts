import type { Kernels } from '../../src/kernels/contract.ts';
import { createWasmKernels } from '../../src/kernels/wasm/index.ts';

let opened: Promise<Kernels> | undefined;

/**
 * One single-threaded WebAssembly backend per test process.
 * @throws when its build is missing or broken: a test of kernels must not pass on other ones
 */
export function testKernels(): Promise<Kernels> {
  opened ??= createWasmKernels({ threads: 1 });
  return opened;
}
