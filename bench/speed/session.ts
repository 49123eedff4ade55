import { createWasmKernels } from '../../src/kernels/wasm/index.ts';
import type { Model } from '../../src/model/types.ts';
import { measureDecode } from '../../src/pipeline/latency/decode.ts';
import { measureLatency } from '../../src/pipeline/latency/measure.ts';
import { createSession } from '../../src/run/session.ts';
import { CONTEXT, type LikelyToken, type Runtime } from './types.ts';

/** This package's runtime over an open model; the same code in Node and in a browser's worker. */
export async function loadRuntime(model: Model, threads: number): Promise<Runtime> {
  const kernels = await createWasmKernels({ threads });
  const session = await createSession(kernels.device, model, { contextLength: CONTEXT });
  return {
    measure: async ({ prompt, generated }) => {
      session.rewind(0);
      const begin = performance.now();
      await session.prefill(prompt);
      const middle = performance.now();
      for (const token of generated) session.decode(token);
      return { prefill: (middle - begin) / 1000, decode: (performance.now() - middle) / 1000 };
    },
    latency: async (formats) => ({
      table: await measureLatency(kernels, model, { formats, rounds: 1 }),
      decoded: await measureDecode(kernels, model, { effort: { tokens: 16, milliseconds: 100 } }),
    }),
    likeliest: async (prompt, count) => {
      session.rewind(0);
      return softmax(await session.prefill(prompt))
        .toSorted((a, b) => b.p - a.p)
        .slice(0, count);
    },
  };
}

function softmax(logits: Float32Array): LikelyToken[] {
  const largest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const weights = Array.from(logits, (value) => Math.exp(value - largest));
  const total = weights.reduce((sum, value) => sum + value, 0);
  return weights.map((value, token) => ({ token, p: value / total }));
}
