import { createReadStream, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BuildOptions, build } from 'esbuild';

/* Pages for real browsers: bundled by esbuild, served on a loopback port. */

/** Headers that make a page cross-origin isolated, which shared memory needs. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** A server of pages. */
export interface Site {
  readonly url: string;
  close(): void;
}

/** Scripts for browsers by their paths, such as `/worker.js`. Modules of Node are reached by paths that browsers never take. */
export async function bundled(
  options: Pick<BuildOptions, 'entryPoints' | 'alias' | 'logOverride'>,
): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    ...options,
    bundle: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    external: ['node:*'],
    logLevel: 'error',
  });
  return new Map(outputFiles.map((file) => [`/${file.path.split(/[\\/]/).at(-1)}`, file.text]));
}

/** Answers every path on a free port. */
export async function serve(answer: (url: string, response: ServerResponse) => void): Promise<Site> {
  const server = createServer(({ url = '/' }, response) => answer(url, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

export function sendText(response: ServerResponse, headers: object, type: string, text: string): void {
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
}

/** @param file its path; 404 where there is none */
export function sendFile(response: ServerResponse, headers: object, file: string | undefined): void {
  const size = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
  if (file === undefined || size === undefined) return void response.writeHead(404, { ...headers }).end();
  const type = file.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': size });
  createReadStream(file).pipe(response);
}
