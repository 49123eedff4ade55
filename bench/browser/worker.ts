/** This package's runtime in a browser's worker: the page may not block, kernels do. */
import { openTensorSource } from '../../src/container/open.ts';
import { blobSource } from '../../src/container/source/blob.ts';
import { modelFromTensorFile } from '../../src/model/model.ts';
import { tokenizerFromGguf } from '../../src/text/gguf.ts';
import { loadRuntime } from '../speed/session.ts';
import type { Runtime } from '../speed/types.ts';

async function load(url: string, threads: number) {
  const blob = await (await fetch(url)).blob();
  const file = await openTensorSource(blobSource(blob, url));
  if (file.container !== 'gguf') throw new Error(`${url} is no GGUF file`);
  return loadRuntime(await modelFromTensorFile(file, { tokenizer: tokenizerFromGguf(file.metadata) }), threads);
}

let runtime: Runtime | undefined;

/** Loads a model, or asks the loaded one. */
export type Message =
  | { readonly url: string; readonly threads: number }
  | { readonly what: keyof Runtime; readonly given: readonly unknown[] };

globalThis.onmessage = async (event: MessageEvent<Message>) => {
  try {
    if ('url' in event.data) {
      runtime = await load(event.data.url, event.data.threads);
      globalThis.postMessage({ result: 'ready' });
    } else {
      const { what, given } = event.data;
      const answer = runtime?.[what] as ((...given: readonly unknown[]) => Promise<unknown>) | undefined;
      globalThis.postMessage({ result: await answer?.(...given) });
    }
  } catch (error) {
    globalThis.postMessage({ error: String(error) });
  }
};
