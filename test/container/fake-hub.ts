import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const commit = 'c0ffee'.padEnd(40, '0');

/** A Hugging Face hub of one repository on the loopback interface, with faults to order. */
export class FakeHub {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** `path start` of every transfer. */
  readonly transfers: string[] = [];
  /** Connections to cut, and after how many bytes each. */
  cuts: number[] = [];
  /** Answer ranges with the whole file. */
  ignoreRanges = false;
  /** Status for every request, when not 0. */
  status = 0;
  /** Answers of the next requests, before any other: a status, with headers such as Retry-After. */
  answers: { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[] = [];
  /** Path whose bytes are sent wrong. */
  corrupt = '';
  requests = 0;
  token: string | undefined;
  readonly #repo: string;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  constructor(repo: string, files: Record<string, string | Uint8Array>) {
    this.#repo = repo;
    this.files = new Map(
      Object.entries(files).map(([path, data]) => [
        path,
        typeof data === 'string' ? new TextEncoder().encode(data) : data,
      ]),
    );
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests++;
    this.token = request.headers.authorization;
    const path = decodeURIComponent((request.url ?? '').split('?')[0]);
    const answer = this.answers.shift();
    if (answer !== undefined) response.writeHead(answer.status, answer.headers).end();
    else if (this.status !== 0) response.writeHead(this.status).end();
    else if (path.startsWith(`/api/models/${this.#repo}/revision/`))
      json(response, { _id: '1', id: this.#repo, sha: commit, lastModified: '2026-01-01' });
    else if (path === `/api/models/${this.#repo}/tree/${commit}`)
      json(
        response,
        [...this.files].map(([name, data]) => listed(name, data)),
      );
    else this.#send(request, response, path.replace(`/${this.#repo}/resolve/${commit}/`, ''));
  }

  #send(request: IncomingMessage, response: ServerResponse, path: string): void {
    let data = this.files.get(path);
    if (data === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      return;
    }
    if (path === this.corrupt) data = data.map((byte) => byte ^ 1);
    const probe = request.headers.range === 'bytes=0-0';
    const range = this.ignoreRanges && !probe ? undefined : /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) + 1 : data.length;
    const headers = {
      etag: `"${encodeURIComponent(path)}"`,
      'content-length': end - start,
      'content-range': `bytes ${start}-${end - 1}/${data.length}`,
    };
    response.writeHead(range ? 206 : 200, headers);
    const cut = probe ? undefined : this.cuts.shift();
    if (!probe) this.transfers.push(`${path} ${start}`);
    if (cut === undefined) response.end(data.subarray(start, end));
    // Gives the bytes time to arrive before the connection goes.
    else response.write(data.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 50));
  }
}

function listed(path: string, data: Uint8Array): object {
  const git = createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
  if (!/\.(?:gguf|safetensors)$/.test(path)) return { type: 'file', path, size: data.length, oid: git };
  const oid = createHash('sha256').update(data).digest('hex');
  return { type: 'file', path, size: data.length, oid: git, lfs: { oid, size: data.length, pointerSize: 130 } };
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
