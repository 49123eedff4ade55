/** What benches and tests call in the page: `load` a runtime, then `ask` it by the number that `load` gave. */
import { Wllama } from '@wllama/wllama';
import { CONTEXT, type Runtime } from '../speed/types.ts';
import type { PageBench } from './types.ts';
import type { Message } from './worker.ts';

const loaded: Runtime[] = [];

async function loadOurs(url: string, threads: number): Promise<Runtime> {
  const worker = new Worker('/bench.js', { type: 'module' });
  const ask = (message: Message) =>
    new Promise<never>((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
      worker.postMessage(message);
    });
  await ask({ url, threads });
  return {
    measure: (...given) => ask({ what: 'measure', given }),
    likeliest: (...given) => ask({ what: 'likeliest', given }),
    latency: (...given) => ask({ what: 'latency', given }),
  };
}

async function loadWllama(url: string, threads: number): Promise<Runtime> {
  const wllama = new Wllama({
    'single-thread/wllama.wasm': '/wllama/single-thread/wllama.wasm',
    'multi-thread/wllama.wasm': '/wllama/multi-thread/wllama.wasm',
  });
  const blob = await (await fetch(url)).blob();
  await wllama.loadModel([blob], { n_ctx: CONTEXT, n_batch: CONTEXT, n_threads: threads });
  return {
    measure: async ({ prompt, generated }) => {
      await wllama.kvClear();
      const begin = performance.now();
      await wllama.decode(prompt, {});
      const middle = performance.now();
      for (const token of generated) await wllama.decode([token], {});
      return { prefill: (middle - begin) / 1000, decode: (performance.now() - middle) / 1000 };
    },
    likeliest: async (prompt, count) => {
      await wllama.kvClear();
      await wllama.samplingInit({}); // wllama computes no logits without a sampler
      await wllama.decode(prompt, {});
      return await wllama.getLogits(count);
    },
    latency: () => Promise.reject(new Error('wllama tells no latency of single products')),
  };
}

const bench: PageBench = {
  isolated: globalThis.crossOriginIsolated,
  load: async (kind, url, threads) =>
    loaded.push(kind === 'ours' ? await loadOurs(url, threads) : await loadWllama(url, threads)) - 1,
  ask: (index, what, ...given) => (loaded[index][what] as (...given: unknown[]) => never)(...given),
};
Object.assign(globalThis, { bench });
