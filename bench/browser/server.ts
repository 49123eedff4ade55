import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url);
const path = (relative: string) => fileURLToPath(new URL(relative, root));

/** Headers that make a page cross-origin isolated, which shared memory needs. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
};

/** Serves the bench page, the kernels, wllama's and the model's files on a loopback port. */
export async function serveBench(modelPath: string): Promise<{ url: string; close(): void }> {
  const bundles = await bundle();
  const files: Record<string, string> = {
    '/model.gguf': modelPath,
    '/wllama/single-thread/wllama.wasm': path('node_modules/@wllama/wllama/esm/single-thread/wllama.wasm'),
    '/wllama/multi-thread/wllama.wasm': path('node_modules/@wllama/wllama/esm/multi-thread/wllama.wasm'),
  };
  for (const name of ['relaxed', 'simd', 'scalar']) {
    files[`/build/kernels.${name}.wasm`] = path(`build/kernels.${name}.wasm`);
  }
  const server = createServer((request, response) => {
    const url = request.url ?? '/';
    if (url === '/') send(response, 'text/html', '<!doctype html><script type="module" src="/page.js"></script>');
    else if (bundles.has(url)) send(response, 'text/javascript', bundles.get(url) as string);
    else if (files[url]) void sendFile(response, files[url]);
    else response.writeHead(404, isolation).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => closeServer(server) };
}

/** The page, the runtime's worker and the kernels' worker; the last is found beside the script that starts it. */
async function bundle(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: {
      page: path('bench/browser/page.ts'),
      bench: path('bench/browser/worker.ts'),
      worker: path('src/kernels/wasm/worker.ts'),
    },
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    // Modules of Node are reached by paths that browsers never take.
    external: ['node:*'],
  });
  return new Map(outputFiles.map((file) => [`/${file.path.split(/[\\/]/).at(-1)}`, file.text]));
}

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { ...isolation, 'Content-Type': type }).end(text);
}

async function sendFile(response: ServerResponse, file: string): Promise<void> {
  const { size } = await stat(file);
  const type = file.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
  response.writeHead(200, { ...isolation, 'Content-Type': type, 'Content-Length': size });
  createReadStream(file).pipe(response);
}

function closeServer(server: Server): void {
  server.closeAllConnections();
  server.close();
}
