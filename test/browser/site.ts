import { createReadStream, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

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

/** A site as examples/README.md says to make one: bundles, and what they fetch. */
export interface Site {
  readonly url: string;
  close(): void;
}

/**
 * Serves the browser's example, bundled by esbuild, on a loopback port.
 * @param isolated whether pages may share memory, and so have threads
 */
export async function serveSite(isolated: boolean): Promise<Site> {
  const scripts = await bundles();
  const headers = isolated
    ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    : {};
  const server = createServer(({ url = '/' }, response) => {
    const [, folder, name] = /^\/(bitbudget|tiny)\/([\w.-]+)$/.exec(url) ?? [];
    const script = scripts.get(url) ?? (url === '/bitbudget/kernel-thread.js' ? scripts.get('/thread.js') : undefined);
    if (url === '/') answer(response, headers, 'text/html', '<!doctype html><body></body>');
    else if (script !== undefined) answer(response, headers, 'text/javascript', script);
    else sendFile(response, headers, folder === 'tiny' ? path(`assets/tiny/${name}`) : (ASSETS[name] ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => closeServer(server) };
}

async function bundles(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: { worker: path('examples/browser/worker.js'), thread: path('src/kernels/wasm/worker.ts') },
    alias: { 'bitbudget/browser': path('src/browser.ts') },
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    external: ['node:*'],
    logLevel: 'error',
    // Addresses of files that are served elsewhere: `locateAssets` says where.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return new Map(outputFiles.map((file) => [`/${file.path.split(/[\\/]/).at(-1)}`, file.text]));
}

function answer(response: ServerResponse, headers: object, type: string, text: string): void {
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
}

function sendFile(response: ServerResponse, headers: object, file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return void response.writeHead(404, { ...headers }).end();
  const type = file.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': size });
  createReadStream(file).pipe(response);
}

function closeServer(server: Server): void {
  server.closeAllConnections();
  server.close();
}
