import { fileURLToPath } from 'node:url';
import { bundled, ISOLATION, type Site, sendFile, sendText, serve } from '../support/serve.ts';

const root = new URL('../../', import.meta.url);
const path = (relative: string): string => fileURLToPath(new URL(relative, root));

const ASSETS: Readonly<Record<string, string>> = {
  'kernels.relaxed.wasm': path('build/kernels.relaxed.wasm'),
  'kernels.simd.wasm': path('build/kernels.simd.wasm'),
  'kernels.scalar.wasm': path('build/kernels.scalar.wasm'),
  'calibration.txt.gz': path('assets/text/calibration.txt.gz'),
  'evaluation.txt.gz': path('assets/text/evaluation.txt.gz'),
  'highs.wasm': path('node_modules/highs/build/highs.wasm'),
};

/**
 * Serves the browser's example as examples/README.md says: its bundles, and what they fetch.
 * @param isolated whether pages may share memory, and so have threads
 */
export async function serveSite(isolated: boolean): Promise<Site> {
  const scripts = await bundled({
    entryPoints: { worker: path('examples/browser/worker.js'), thread: path('src/kernels/wasm/worker.ts') },
    alias: { 'bitbudget/browser': path('src/browser.ts') },
    // Addresses of files that are served elsewhere: `locateAssets` says where.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  const headers = isolated ? ISOLATION : {};
  return await serve((url, response) => {
    const [, folder, name] = /^\/(bitbudget|tiny)\/([\w.-]+)$/.exec(url) ?? [];
    const script = scripts.get(url) ?? (url === '/bitbudget/kernel-thread.js' ? scripts.get('/thread.js') : undefined);
    if (url === '/') sendText(response, headers, 'text/html', '<!doctype html><body></body>');
    else if (script !== undefined) sendText(response, headers, 'text/javascript', script);
    else sendFile(response, headers, folder === 'tiny' ? path(`assets/tiny/${name}`) : ASSETS[name]);
  });
}
