import { fileURLToPath } from 'node:url';
import { bundled, ISOLATION, type Site, sendFile, sendText, serve } from '../../test/support/serve.ts';

const root = new URL('../../', import.meta.url);
const path = (relative: string) => fileURLToPath(new URL(relative, root));

const headers = { ...ISOLATION, 'Cache-Control': 'no-store' };

/** Serves the bench page, the kernels, wllama's and the model's files on a loopback port. */
export async function serveBench(modelPath: string): Promise<Site> {
  // The page, the runtime's worker and the kernels' worker; the last is found beside the script that starts it.
  const scripts = await bundled({
    entryPoints: {
      page: path('bench/browser/page.ts'),
      bench: path('bench/browser/worker.ts'),
      worker: path('src/kernels/wasm/worker.ts'),
    },
  });
  const files: Record<string, string> = {
    '/model.gguf': modelPath,
    '/wllama/single-thread/wllama.wasm': path('node_modules/@wllama/wllama/esm/single-thread/wllama.wasm'),
    '/wllama/multi-thread/wllama.wasm': path('node_modules/@wllama/wllama/esm/multi-thread/wllama.wasm'),
  };
  for (const name of ['relaxed', 'simd', 'scalar']) {
    files[`/build/kernels.${name}.wasm`] = path(`build/kernels.${name}.wasm`);
  }
  return await serve((url, response) => {
    const script = scripts.get(url);
    if (url === '/')
      sendText(response, headers, 'text/html', '<!doctype html><script type="module" src="/page.js"></script>');
    else if (script !== undefined) sendText(response, headers, 'text/javascript', script);
    else sendFile(response, headers, files[url]);
  });
}
