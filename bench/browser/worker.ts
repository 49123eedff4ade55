/** This package's runtime in a browser's worker: the page may not block, kernels do. */
import { openTensorSource } from '../../src/container/open.ts';
import { blobSource } from '../../src/container/source/blob.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { loadRuntime } from '../speed/session.ts';
import type { Workload } from '../speed/types.ts';

async function load(url: string, threads: number) {
  const blob = await (await fetch(url)).blob();
  const file = await openTensorSource(blobSource(blob, url));
  if (file.container !== 'gguf') throw new Error(`${url} is no GGUF file`);
  return loadRuntime(await modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) }), threads);
}

let measure: Awaited<ReturnType<typeof load>> | undefined;

globalThis.onmessage = async (event: MessageEvent<{ url: string; threads: number } | Workload>) => {
  try {
    if ('url' in event.data) {
      measure = await load(event.data.url, event.data.threads);
      globalThis.postMessage({ result: 'ready' });
    } else {
      globalThis.postMessage({ result: await measure?.(event.data) });
    }
  } catch (error) {
    globalThis.postMessage({ error: String(error) });
  }
};
