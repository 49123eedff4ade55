import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CachedRepo, repositoryOf } from '../../src/container/hub/cache.node.ts';
import { chooseFiles } from '../../src/container/hub/choose.ts';
import { askedWait } from '../../src/container/hub/fetch.node.ts';
import { parseModelId } from '../../src/container/hub/model-id.ts';
import { pullModel, resolveModel } from '../../src/container/hub/pull.node.ts';
import { type HubSettings, hubSettings } from '../../src/container/hub/settings.node.ts';
import { BitbudgetError, UsageError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { Random } from '../../src/core/random.ts';
import { openModel } from '../../src/model/open.node.ts';
import { cli } from '../support/cli.ts';
import { tinyPath } from '../support/synthetic.ts';
import { commit, FakeHub } from './fake-hub.ts';
import { randomBytes } from './support.ts';

const id = { repo: 'user/model', explicit: true };
const weights = randomBytes(new Random(1), 300_000);
const small = { 'config.json': '{}', 'tokenizer.json': '{"a":1}' };

async function withHub(
  files: Record<string, string | Uint8Array>,
  work: (hub: FakeHub, settings: HubSettings) => Promise<void>,
): Promise<void> {
  const hub = new FakeHub(id.repo, files);
  const endpoint = await hub.start();
  const cacheFolder = await mkdtemp(join(tmpdir(), 'bitbudget-hub-'));
  try {
    await work(hub, { endpoint, cacheFolder, offline: false });
  } finally {
    await hub.stop();
    await rm(cacheFolder, { recursive: true });
  }
}

/** A proxy on loopback for plain HTTP, and what it is asked for. */
async function withProxy(work: (address: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const target = new URL(incoming.url ?? '');
    asked.push(target.host);
    const passed = httpRequest(target, { headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    passed.end();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    await work(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}

test('the hub is reached through the proxy that the environment names, and past it where NO_PROXY says so', async () => {
  await withHub({ 'm.gguf': weights }, async (_, settings) => {
    await withProxy(async (address, asked) => {
      const read = async (environment: Record<string, string>) => (await hubSettings(environment)).proxy;
      for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) {
        const proxy = await read({ [name]: address });
        const model = await pullModel(id, {
          settings: { ...settings, cacheFolder: join(settings.cacheFolder, name), proxy },
        });
        assert.deepEqual(new Uint8Array(await readFile(model.path)), weights);
        assert.equal(asked.at(-1), new URL(settings.endpoint).host, name);
      }
      const before = asked.length;
      const proxy = await read({ HTTP_PROXY: address, NO_PROXY: 'example.org,127.0.0.1' });
      await pullModel(id, { settings: { ...settings, proxy } });
      assert.equal(asked.length, before);
      assert.equal(await read({ HTTPS_PROXY: '', NO_PROXY: '*' }), undefined);
      assert.deepEqual(await read({ https_proxy: 'proxy:3128' }), {
        http: undefined,
        https: 'http://proxy:3128',
        except: undefined,
      });
    });
  });
  await assert.rejects(hubSettings({ HTTPS_PROXY: 'socks5://user:secret@proxy:1' }), (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.match(
      error.message,
      /^HTTPS_PROXY: found socks5:\/\/…@proxy:1, expected an address that starts with http:\/\/ or https:\/\//,
    );
    return true;
  });
  await assert.rejects(hubSettings({ HF_ENDPOINT: 'huggingface.co' }), /HF_ENDPOINT: found huggingface\.co, expected/);
});

test('a proxy that is down is told as one', async () => {
  await withHub({ 'm.gguf': weights }, async (_, settings) => {
    const proxy = { http: 'http://127.0.0.1:9' };
    await assert.rejects(
      pullModel(id, { settings: { ...settings, proxy } }),
      /cannot be reached through the proxy that is set \(.*\); check the network/,
    );
  });
});

test('what the hub refuses in passing is asked again, when it says so', async () => {
  const cases = [
    [{ status: 429, headers: { 'retry-after': '0' } }],
    [{ status: 503, headers: { 'retry-after': new Date(0).toUTCString() } }],
    [{ status: 429, headers: { ratelimit: '"api";r=0;t=0' } }],
    [{ status: 502 }, { status: 500 }, { status: 504 }],
  ];
  for (const answers of cases) {
    await withHub({ 'm.gguf': weights }, async (hub, settings) => {
      hub.answers = [...answers];
      const events: ProgressEvent[] = [];
      const model = await pullModel(id, { settings, retryDelay: 1, onProgress: (event) => events.push(event) });
      assert.deepEqual(new Uint8Array(await readFile(model.path)), weights);
      assert.equal(events.filter(({ stage }) => stage === 'waiting for the hub').length, answers.length);
    });
  }
});

test('the wait that a server asks for is a number, a date, or the hub’s RateLimit', () => {
  const wait = (headers: Record<string, string>) => askedWait(new Headers(headers), Date.parse('2026-01-01T00:00:00Z'));
  assert.equal(wait({ 'retry-after': '17' }), 17);
  assert.equal(wait({ 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }), 60);
  assert.equal(wait({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }), 0);
  assert.equal(wait({ ratelimit: '"resolvers";r=0;t=42' }), 42);
  assert.equal(wait({ 'retry-after': 'soon' }), undefined);
  assert.equal(wait({}), undefined);
});

test('a hub that stays busy, or asks for more patience than there is, is told at once and nothing is lost', async () => {
  await withHub({ ...small, 'model.safetensors': weights }, async (hub, settings) => {
    hub.answers = [{ status: 429, headers: { 'retry-after': '3600' } }];
    await assert.rejects(
      pullModel(id, { settings }),
      /is not in the cache .*, and the hub gets too many requests \(429\), run again later/,
    );
    await pullModel(id, { settings });
    // A model that is there is used.
    hub.answers = [{ status: 503, headers: { 'retry-after': '3600' } }];
    assert.equal((await pullModel(id, { settings })).commit, commit);
  });
  await withHub({ 'm.gguf': weights }, async (hub, settings) => {
    const onProgress = ({ stage }: ProgressEvent) => {
      if (stage === 'downloading')
        hub.answers = Array.from({ length: 9 }, () => ({ status: 503, headers: { 'retry-after': '600' } }));
    };
    hub.cuts = [100_000];
    await assert.rejects(
      pullModel(id, { settings, retryDelay: 1, onProgress }),
      /user\/model: m\.gguf: the hub is not available \(503\), run again in 600 s; what has arrived is kept/,
    );
    hub.answers = [];
    await pullModel(id, { settings });
    assert.equal(hub.transfers.at(-1), 'm.gguf 100000');
  });
});

test('offline: what the cache has is used, and what it lacks is told with what to do', async () => {
  await withHub({ ...small, 'model.safetensors': weights }, async (hub, settings) => {
    const offline = { ...settings, offline: true };
    await assert.rejects(
      pullModel(id, { settings: offline }),
      /user\/model: is not in the cache .*, and the hub is not asked \(HF_HUB_OFFLINE is set\); fetch it where there is a network/,
    );
    await pullModel(id, { settings });
    const requests = hub.requests;
    assert.equal((await pullModel(id, { settings: offline })).commit, commit);
    assert.equal(hub.requests, requests);
    await rm(join(settings.cacheFolder, 'models--user--model', 'snapshots', commit, 'tokenizer.json'));
    await assert.rejects(pullModel(id, { settings: offline }), /no tokenizer|not in the cache/);
  });
  for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'])
    assert.equal((await hubSettings({ [name]: '1' })).offline, true);
  const closed: HubSettings = {
    endpoint: 'http://127.0.0.1:9',
    cacheFolder: join(tmpdir(), 'bitbudget-none'),
    offline: false,
  };
  await assert.rejects(
    pullModel(id, { settings: closed }),
    /http:\/\/127\.0\.0\.1:9 cannot be reached \(.*\); check the network and try again/,
  );
});

test('names with any character are fetched as they are, and found again', async () => {
  const names = [
    'a b+c%20d.gguf',
    'x#y?z&w=1.gguf',
    'модель/模型 (v1).gguf',
    "it's;100%.gguf",
    'a:b.gguf',
    'back\\slash.gguf',
  ];
  let fetched = 0;
  for (const name of names) {
    await withHub({ [name]: weights, 'README.md': 'x' }, async (hub, settings) => {
      for (const spelling of [
        `hf:user/model/${name}`,
        `https://huggingface.co/user/model/resolve/main/${name.split('/').map(encodeURIComponent).join('/')}?download=true`,
      ]) {
        const parsed = parseModelId(spelling);
        assert.equal(parsed?.file, name, spelling);
        const model = await pullModel(parsed!, { settings });
        assert.deepEqual(new Uint8Array(await readFile(model.path)), weights, name);
      }
      assert.deepEqual(
        hub.transfers.filter((transfer) => transfer !== 'README.md 0'),
        [`${name} 0`],
      );
      fetched++;
    });
  }
  assert.equal(fetched, names.length);
  assert.deepEqual(parseModelId('hf:a/b/x#y.gguf#dev'), {
    repo: 'a/b',
    explicit: true,
    file: 'x#y.gguf',
    revision: 'dev',
  });
  assert.equal(parseModelId('hf:a/b#refs/pr/1')?.revision, 'refs/pr/1');
});

test('two downloads at once share one transfer', async () => {
  await withHub({ ...small, 'model.safetensors': weights }, async (hub, settings) => {
    const models = await Promise.all([1, 2, 3].map(() => pullModel(id, { settings })));
    for (const model of models)
      assert.deepEqual(new Uint8Array(await readFile(join(model.path, 'model.safetensors'))), weights);
    assert.deepEqual(hub.transfers.toSorted(), ['config.json 0', 'model.safetensors 0', 'tokenizer.json 0']);
    assert.deepEqual(await readdir(join(settings.cacheFolder, '.locks', 'models--user--model')), []);
  });
});

test('two processes share one transfer too', async () => {
  await withHub({ ...small, 'model.safetensors': weights }, async (hub, { endpoint, cacheFolder }) => {
    const env = {
      HF_ENDPOINT: endpoint,
      HF_HUB_CACHE: cacheFolder,
      HF_HUB_OFFLINE: '',
      HTTP_PROXY: '',
      http_proxy: '',
    };
    const results = await Promise.all([1, 2].map(() => cli(['pull', 'hf:user/model', '--quiet'], { env })));
    for (const { code, stdout, stderr } of results) {
      assert.equal(code, 0, stderr);
      assert.equal(stdout.trim(), join(cacheFolder, 'models--user--model', 'snapshots', commit));
    }
    assert.equal(hub.transfers.filter((transfer) => transfer.startsWith('model.safetensors')).length, 1);
  });
});

test('a lock that a killed process left, here or long ago elsewhere, stops nobody', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const left = [
    [`${child.pid} ${hostname()}`, new Date()],
    [`1 another-machine`, new Date(Date.now() - 60_000)],
    ['', new Date(Date.now() - 60_000)],
  ] as const;
  for (const [content, time] of left) {
    await withHub({ 'm.gguf': weights }, async (_, settings) => {
      const digest = createHash('sha256').update(weights).digest('hex');
      const lock = new CachedRepo(settings.cacheFolder, id.repo).lockPath(digest);
      await mkdir(join(lock, '..'), { recursive: true });
      await writeFile(lock, content);
      const { utimes } = await import('node:fs/promises');
      await utimes(lock, time, time);
      const model = await pullModel(id, { settings, signal: AbortSignal.timeout(20_000) });
      assert.deepEqual(new Uint8Array(await readFile(model.path)), weights);
    });
  }
});

test('what a model needs is checked before its weights are fetched', async () => {
  const index = (file: string) => `{"weight_map":{"x":"${file}"}}`;
  const cases: [files: Record<string, string | Uint8Array>, message: RegExp][] = [
    [
      { 'config.json': '{}', 'model.safetensors': weights },
      /user\/model: has weights but no tokenizer; expected tokenizer\.json, tokenizer\.model, vocab\.json with merges\.txt, vocab\.txt: take the repository/,
    ],
    [{ 'config.json': '{}', 'vocab.json': '{}', 'model.safetensors': weights }, /no tokenizer/],
    [{ 'tokenizer.json': '{}', 'model.safetensors': weights }, /no model that can be read/],
    [
      { ...small, 'model.safetensors.index.json': index('gone.safetensors'), 'model-1.safetensors': weights },
      /gone\.safetensors: is named by the model's index but is not in the repository/,
    ],
    [
      { ...small, 'model.safetensors.index.json': 'no JSON', 'model-1.safetensors': weights },
      /model\.safetensors\.index\.json/,
    ],
    [{ 'm-00001-of-00002.gguf': weights }, /is split, but m-00002-of-00002\.gguf is missing/],
  ];
  for (const [files, message] of cases) {
    await withHub(files, async (hub, settings) => {
      await assert.rejects(pullModel(id, { settings }), (error: Error) => {
        assert.ok(error instanceof BitbudgetError, error.stack);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(
        hub.transfers.filter((transfer) => /\.(?:safetensors|gguf) /.test(transfer)),
        [],
      );
    });
  }
  const tokens = [
    'tokenizer.model',
    'vocab.json',
    'merges.txt',
    'added_tokens.json',
    'special_tokens_map.json',
    'chat_template.json',
  ];
  const chosen = chooseFiles(id, ['config.json', 'model.safetensors', ...tokens], 'original').files;
  assert.deepEqual([...chosen].sort(), [
    'added_tokens.json',
    'chat_template.json',
    'config.json',
    'model.safetensors',
    'special_tokens_map.json',
    'tokenizer.model',
  ]);
});

test('a mistyped path is told as one, with what it may have been', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-paths-'));
  after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'models', 'smollm'), { recursive: true });
  await writeFile(join(folder, 'models', 'tiny-Q4_K.gguf'), 'x');
  const cases: [name: string, line: RegExp][] = [
    [join(folder, 'models', 'smolm'), /no such file or folder; did you mean .*models.smollm\?/],
    [join(folder, 'models', 'tiny-Q4_k.ggf'), /did you mean .*tiny-Q4_K\.gguf\?/],
    [join(folder, 'modles', 'smollm'), /modles is not there\); did you mean .*models\?/],
    [
      join(folder, 'models', 'something-else'),
      /no such file or folder; check the path, or models of the hub are written hf:user\/repo/,
    ],
    [
      'no/such.gguf',
      /no\/such\.gguf: no such file or folder \(no is not there\); check the path, or for the model of the hub write hf:no\/such\.gguf/,
    ],
    [
      'src/nothing-like-it',
      /no such file or folder; check the path, or for the model of the hub write hf:src\/nothing-like-it/,
    ],
    ['~/models/x', /write your home folder out/],
  ];
  for (const [name, line] of cases) {
    await assert.rejects(resolveModel(name), (error: Error) => {
      assert.ok(error instanceof UsageError, error.stack);
      assert.match(error.message, line);
      return true;
    });
  }
});

test('a name that is neither here nor on the hub ends in one line that says both', async () => {
  await withHub({ 'm.gguf': weights }, async (hub, { endpoint, cacheFolder }) => {
    const env = {
      HF_ENDPOINT: endpoint,
      HF_HUB_CACHE: cacheFolder,
      HF_HUB_OFFLINE: '',
      HTTP_PROXY: '',
      http_proxy: '',
    };
    hub.status = 404;
    const cases: [args: string[], code: number, line: RegExp][] = [
      [
        ['inspect', 'somebody/modle'],
        2,
        /somebody\/modle: no such file or folder here; as a model of the hub, somebody\/modle: the hub has no such model; check its name/,
      ],
      [['run', 'hf:somebody/modle', '-p', 'x'], 1, /somebody\/modle: the hub has no such model/],
      [['inspect', 'asets/tiny'], 2, /asets\/tiny: no such file or folder here; as a model of the hub/],
      [['inspect', 'assets/tinny'], 2, /assets\/tinny: no such file or folder; did you mean assets\/tiny\?/],
    ];
    await Promise.all(
      cases.map(async ([args, code, line]) => {
        const result = await cli(args, { env });
        assert.equal(result.code, code, result.stderr);
        assert.match(result.stderr, line);
        assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
      }),
    );
    assert.deepEqual(await readdir(cacheFolder), []);
  });
});

test('a model of the hub is called by its repository, not its commit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-name-'));
  after(() => rm(folder, { recursive: true }));
  const snapshot = join(folder, 'models--some-one--small.model-1', 'snapshots', commit);
  await mkdir(join(snapshot, '..'), { recursive: true });
  await symlink(tinyPath, snapshot);
  const model = await openModel(snapshot);
  assert.equal(model.config.name, 'small.model-1');
  await model.close();
  assert.equal(repositoryOf(snapshot), 'some-one/small.model-1');
  assert.equal(repositoryOf(join(snapshot, 'm.gguf')), 'some-one/small.model-1');
  assert.equal(repositoryOf(tinyPath), undefined);
  assert.equal(repositoryOf(join(folder, 'models--a--b', 'snapshots', 'main')), undefined);
});
