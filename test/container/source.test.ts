import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobFolder, blobSource } from '../../src/container/source/blob.ts';
import { diskFolder, fileSink, fileSource } from '../../src/container/source/file.node.ts';
import { httpFolder, httpSource } from '../../src/container/source/http.ts';
import { memorySource } from '../../src/container/source/memory.ts';
import { SourceWindow } from '../../src/container/source/window.ts';
import type { ByteSource } from '../../src/container/types.ts';
import { BitbudgetError, FormatError } from '../../src/core/errors.ts';
import { chunksOf, fingerprint, sha256Hex } from '../../src/core/hash.ts';
import { Random } from '../../src/core/random.ts';
import { randomBytes } from './support.ts';

const data = randomBytes(new Random(11), 1000);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-source-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A server of one file, `/m.bin`, with or without ranges. */
async function withServer(
  options: { ranges?: boolean; status?: number },
  work: (url: string, change: () => void) => Promise<void>,
): Promise<void> {
  let version = 1;
  const server = createServer((request, response) => {
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    if (request.url !== '/m.bin') response.writeHead(404).end();
    else if (options.status !== undefined) response.writeHead(options.status).end();
    else if (range === null || options.ranges === false) response.end(data);
    else {
      const [start, end] = [Number(range[1]), Number(range[2]) + 1];
      response
        .writeHead(206, { etag: `"${version}"`, 'content-range': `bytes ${start}-${end - 1}/${data.length}` })
        .end(data.subarray(start, end));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/m.bin`, () => {
      version++;
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function checkSource(source: ByteSource): Promise<void> {
  assert.equal(source.byteLength, data.length);
  let ranges = 0;
  for (const [start, end] of [
    [0, 0],
    [0, 1],
    [0, 1000],
    [500, 600],
    [999, 1000],
    [1000, 1000],
  ]) {
    assert.deepEqual(new Uint8Array(await source.read(start, end)), data.slice(start, end));
    ranges++;
  }
  for (const [start, end] of [
    [0, 1001],
    [-1, 5],
    [5, 4],
    [1001, 1001],
    [0.5, 2],
    [0, Number.NaN],
  ]) {
    await assert.rejects(source.read(start, end), FormatError, `${start} to ${end}`);
    ranges++;
  }
  assert.equal(ranges, 12);
  await source.close();
}

test('memory, Blob, disk and HTTP give the same bytes and refuse the same ranges', async () => {
  await checkSource(memorySource(data));
  await checkSource(blobSource(new Blob([data as Uint8Array<ArrayBuffer>])));
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'm.bin'), data);
    await checkSource(await fileSource(join(folder, 'm.bin')));
  });
  await withServer({}, async (url) => checkSource(await httpSource(url)));
});

test('folders open what is there, and nothing outside', async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'm.bin'), data);
    assert.equal((await (await diskFolder(folder).open('m.bin'))?.close()) ?? 'closed', 'closed');
    assert.equal(await diskFolder(folder).open('n.bin'), undefined);
    await assert.rejects(diskFolder(folder).open('../m.bin'), /expected a bare file name/);
  });
  await withServer({}, async (url) => {
    assert.equal((await httpFolder(new URL('./', url).href).open('m.bin'))?.byteLength, 1000);
    assert.equal(await httpFolder(new URL('./', url).href).open('n.bin'), undefined);
  });
  const files = blobFolder([new File([data as Uint8Array<ArrayBuffer>], 'm.bin')]);
  assert.equal((await files.open('m.bin'))?.byteLength, 1000);
  assert.equal(await files.open('n.bin'), undefined);
});

test('HTTP: servers without ranges, failures and files that change are one line each', async () => {
  await withServer({ ranges: false }, (url) =>
    assert.rejects(
      httpSource(url),
      /answered 200 to a range request; expected 206 with a size. Download the file first/,
    ),
  );
  await withServer({ status: 500 }, (url) => assert.rejects(httpSource(url), /answered 500/));
  await withServer({}, async (url, change) => {
    await assert.rejects(httpSource(`${url}x`), /not found \(404\)/);
    const source = await httpSource(url);
    change();
    await assert.rejects(source.read(0, 5), /changed while it was read/);
    await assert.rejects(httpSource(url, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
  await assert.rejects(httpSource('http://127.0.0.1:9/m.bin'), BitbudgetError);
});

test('an output file has its name only when whole', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'out.gguf');
    await writeFile(path, 'old');
    const sink = await fileSink(path);
    await sink.write(data);
    assert.equal(await readFile(path, 'utf8'), 'old');
    assert.equal((await readdir(folder)).length, 2);
    await sink.write(data);
    await sink.commit();
    await sink.abort();
    assert.deepEqual(new Uint8Array(await readFile(path)), Uint8Array.of(...data, ...data));
    assert.deepEqual(await readdir(folder), ['out.gguf']);

    const dropped = await fileSink(path);
    await dropped.write(data);
    await dropped.abort();
    assert.deepEqual(await readdir(folder), ['out.gguf']);
    // No process has this number: it is above the kernel's largest.
    await writeFile(join(folder, `.out.gguf.${hostname()}-99999999-abcd.partial`), data);
    await writeFile(join(folder, `.out.gguf.${hostname()}-${process.pid}-abcd.partial`), data);
    await (await fileSink(path)).abort();
    assert.deepEqual((await readdir(folder)).sort(), [
      `.out.gguf.${hostname()}-${process.pid}-abcd.partial`,
      'out.gguf',
    ]);
    await assert.rejects(fileSink(join(folder, 'none', 'out.gguf')), /cannot be written \(ENOENT\)/);
  });
});

test('a window reads every byte once and lets go of what was read', async () => {
  const asked: [number, number][] = [];
  const inner = memorySource(data);
  const source: ByteSource = {
    ...inner,
    read: (start, end) => {
      asked.push([start, end]);
      return inner.read(start, end);
    },
  };
  const window = new SourceWindow(source, { step: 16 });
  const seen: number[] = [];
  while (window.remaining > 0) {
    await window.ensure(Math.min(10, window.remaining));
    while (window.cursor.remaining >= Math.min(10, window.remaining) && window.remaining > 0)
      seen.push(window.cursor.u8());
  }
  assert.deepEqual(Uint8Array.from(seen), data);
  for (let i = 1; i < asked.length; i++) assert.equal(asked[i][0], asked[i - 1][1]);
  assert.equal(asked.at(-1)?.[1], data.length);
});

test('a fingerprint depends on the bytes alone, not on how they are cut', async () => {
  const bytes = new Uint8Array(2 ** 24 + 5).fill(7);
  const whole = await fingerprint([bytes]);
  assert.match(whole, /^[0-9a-f]{64}$/);
  assert.equal(await fingerprint([bytes.subarray(0, 10), bytes.subarray(10, 2 ** 24), bytes.subarray(2 ** 24)]), whole);
  assert.equal(await fingerprint(chunksOf(memorySource(bytes))), whole);
  bytes[2 ** 24 + 4] = 8;
  assert.notEqual(await fingerprint([bytes]), whole);
  assert.notEqual(await fingerprint([]), await fingerprint([Uint8Array.of(0)]));
  // FIPS 180-2, appendix B.1
  assert.equal(
    await sha256Hex(new TextEncoder().encode('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
