import type { Kernels } from '../../src/kernels/contract.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';

let opened: Promise<Kernels> | undefined;

/** One single-threaded WebAssembly backend per test process where its build is there, the reference otherwise. */
export function testKernels(): Promise<Kernels> {
  opened ??= open();
  return opened;
}

async function open(): Promise<Kernels> {
  try {
    const { createWasmKernels } = await import('../../src/kernels/wasm/index.ts');
    return await createWasmKernels({ threads: 1 });
  } catch {
    return createReferenceKernels();
  }
}
