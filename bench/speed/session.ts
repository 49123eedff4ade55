import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import type { Model } from '../../src/model/types.ts';
import { createSession } from '../../src/run/session.ts';
import { CONTEXT, type Speed, type Workload } from './types.ts';

/** This package's runtime over an open model; the same code in Node and in a browser's worker. */
export async function loadRuntime(model: Model, threads: number): Promise<(workload: Workload) => Promise<Speed>> {
  const kernels = await createWasmKernels({ threads });
  const session = await createSession(kernels, model, { contextLength: CONTEXT });
  return async ({ prompt, generated }) => {
    session.rewind(0);
    const begin = performance.now();
    await session.prefill(prompt);
    const middle = performance.now();
    for (const token of generated) session.decode(token);
    return { prefill: (middle - begin) / 1000, decode: (performance.now() - middle) / 1000 };
  };
}
