/** What the bench calls in the page: `load` a contender, then `measure` it by the number that `load` gave. */
import { Wllama } from '@wllama/wllama';
import { CONTEXT, type Speed, type Workload } from '../speed/types.ts';
import type { PageBench } from './types.ts';

type Measure = (workload: Workload) => Promise<Speed>;
const loaded: Measure[] = [];

async function loadOurs(url: string, threads: number): Promise<Measure> {
  const worker = new Worker('/bench.js', { type: 'module' });
  const ask = (message: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
      worker.postMessage(message);
    });
  await ask({ url, threads });
  return async (workload) => (await ask(workload)) as Speed;
}

async function loadWllama(url: string, threads: number): Promise<Measure> {
  const wllama = new Wllama({
    'single-thread/wllama.wasm': '/wllama/single-thread/wllama.wasm',
    'multi-thread/wllama.wasm': '/wllama/multi-thread/wllama.wasm',
  });
  const blob = await (await fetch(url)).blob();
  await wllama.loadModel([blob], { n_ctx: CONTEXT, n_batch: CONTEXT, n_threads: threads });
  return async ({ prompt, generated }) => {
    await wllama.kvClear();
    const begin = performance.now();
    await wllama.decode(prompt, {});
    const middle = performance.now();
    for (const token of generated) await wllama.decode([token], {});
    return { prefill: (middle - begin) / 1000, decode: (performance.now() - middle) / 1000 };
  };
}

const bench: PageBench = {
  isolated: globalThis.crossOriginIsolated,
  load: async (kind, url, threads) =>
    loaded.push(kind === 'ours' ? await loadOurs(url, threads) : await loadWllama(url, threads)) - 1,
  measure: (index, workload) => loaded[index](workload),
};
Object.assign(globalThis, { bench });
