import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseFiles } from '../../src/container/hub/choose.ts';
import { parseModelId } from '../../src/container/hub/model-id.ts';
import { pullModel, resolveModel } from '../../src/container/hub/pull.node.ts';
import type { HubSettings } from '../../src/container/hub/settings.node.ts';
import { hubSettings } from '../../src/container/hub/settings.node.ts';
import { quantLabel } from '../../src/container/variants.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { Random } from '../../src/core/random.ts';
import { commit, FakeHub } from './fake-hub.ts';
import { randomBytes } from './support.ts';

test('model ids in every spelling people use', () => {
  const cases: [text: string, expected: object | undefined][] = [
    ['hf:a/b', { repo: 'a/b', explicit: true }],
    ['hf:a/b:q4_k_m', { repo: 'a/b', explicit: true, quant: 'q4_k_m' }],
    ['hf:a/b:Q4_0#dev', { repo: 'a/b', explicit: true, quant: 'Q4_0', revision: 'dev' }],
    ['hf:a/b/c/d.gguf#main', { repo: 'a/b', explicit: true, file: 'c/d.gguf', revision: 'main' }],
    ['hf.co/a/b:Q8_0', { repo: 'a/b', explicit: true, quant: 'Q8_0' }],
    ['https://huggingface.co/a/b', { repo: 'a/b', explicit: true }],
    [
      'https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/c.gguf?download=true',
      { repo: 'a/b', explicit: true, file: 'c.gguf', revision: 'refs/pr/1' },
    ],
    ['huggingface.co/a/b/blob/main/c.gguf', { repo: 'a/b', explicit: true, file: 'c.gguf', revision: 'main' }],
    ['meta-llama/Llama-3.2-1B', { repo: 'meta-llama/Llama-3.2-1B', explicit: false }],
    ['a/b:IQ4_XS', { repo: 'a/b', explicit: false, quant: 'IQ4_XS' }],
    ['model.gguf', undefined],
    ['./a/b', undefined],
    ['/models/a', undefined],
    ['a/b/c.gguf', undefined],
    ['../a', undefined],
    ['C:\\models\\a', undefined],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseModelId(text), expected, text);
  for (const bad of ['hf:', 'hf:a', 'hf:a/b:', 'hf:../b', 'hf:a/b/../c.gguf', 'hf:a/--b', 'hf:a/b:Q4_0/c.gguf']) {
    assert.throws(() => parseModelId(bad), UsageError, bad);
  }
});

test('variants by their label, whatever the files are called', () => {
  const labels: [string, string | undefined][] = [
    ['gemma-4-E2B-it-Q4_K_M.gguf', 'Q4_K_M'],
    ['model.q8_0.gguf', 'Q8_0'],
    ['UD-Q4_K_XL/m-UD-Q4_K_XL-00001-of-00003.gguf', 'UD-Q4_K_XL'],
    ['m-IQ2_XXS.gguf', 'IQ2_XXS'],
    ['m-bf16.gguf', 'BF16'],
    ['m-MXFP4_MOE.gguf', 'MXFP4_MOE'],
    ['model.gguf', undefined],
  ];
  for (const [name, label] of labels) assert.equal(quantLabel(name), label, name);

  const paths = [
    'README.md',
    'm-Q2_K.gguf',
    'm-Q4_K_M.gguf',
    'mmproj-F16.gguf',
    'imatrix.gguf',
    'b/m-Q8_0-00001-of-00002.gguf',
    'b/m-Q8_0-00002-of-00002.gguf',
  ];
  const choose = (quant?: string, from = paths) => chooseFiles({ repo: 'a/b', explicit: true, quant }, from).files;
  assert.deepEqual(choose(), ['m-Q4_K_M.gguf']);
  assert.deepEqual(choose('q2_k'), ['m-Q2_K.gguf']);
  assert.deepEqual(choose('Q8_0'), ['b/m-Q8_0-00001-of-00002.gguf', 'b/m-Q8_0-00002-of-00002.gguf']);
  assert.deepEqual(choose(undefined, ['x.gguf', 'mmproj-x.gguf']), ['x.gguf']);
  assert.throws(() => choose('Q5_K_M'), /no variant Q5_K_M; it has Q8_0 Q2_K Q4_K_M/);
  assert.throws(() => choose('Q8_0', paths.slice(0, -1)), /is split, but b\/m-Q8_0-00002-of-00002.gguf is missing/);
  assert.throws(() => choose(undefined, ['README.md']), /neither .gguf files nor config.json/);
  assert.throws(() => choose(undefined, ['config.json', 'pytorch_model.bin']), /no safetensors weights/);
  assert.throws(() => choose('Q4_0', ['config.json', 'model.safetensors']), /has no .gguf files/);
});

test('where an original is wanted the most exact source is chosen, or a choice is asked for', () => {
  const folder = ['config.json', 'tokenizer.json', 'model.safetensors'];
  const sharded = ['config.json', 'tokenizer.json', 'model.safetensors.index.json', 'model-00001-of-00002.safetensors'];
  const original = (paths: string[], quant?: string) =>
    chooseFiles({ repo: 'a/b', explicit: true, quant }, paths, 'original');
  const chosen: [paths: string[], files: string[]][] = [
    [[...folder, 'm-Q4_K_M.gguf'], folder],
    [
      [...sharded, 'm-Q4_K_M.gguf', 'm-F16.gguf'],
      ['config.json', 'tokenizer.json', 'model.safetensors.index.json'],
    ],
    [['config.json', 'm-Q4_K_M.gguf', 'm-Q8_0.gguf', 'm-Q6_K.gguf'], ['m-Q8_0.gguf']],
    [
      ['m-Q4_K_M.gguf', 'bf16/m-BF16-00001-of-00002.gguf', 'bf16/m-BF16-00002-of-00002.gguf'],
      ['bf16/m-BF16-00001-of-00002.gguf', 'bf16/m-BF16-00002-of-00002.gguf'],
    ],
    [['m-BF16.gguf', 'm-F16.gguf', 'm-F32.gguf'], ['m-F32.gguf']],
    [['m-BF16.gguf', 'm-F16.gguf'], ['m-F16.gguf']],
    [['m-Q4_K_S.gguf', 'm-UD-Q4_K_XL.gguf', 'm-Q4_K_M.gguf', 'm-IQ4_XS.gguf'], ['m-UD-Q4_K_XL.gguf']],
    [['m.gguf', 'm-F16.gguf', 'mmproj-m-F32.gguf'], ['m-F16.gguf']],
    [['only.gguf'], ['only.gguf']],
    [['config.json', 'pytorch_model.bin', 'm-Q8_0.gguf'], ['m-Q8_0.gguf']],
  ];
  for (const [paths, files] of chosen) assert.deepEqual(original(paths).files, files, paths.join(' '));
  assert.deepEqual(original([...folder, 'm-Q4_K_M.gguf'], 'Q4_K_M').files, ['m-Q4_K_M.gguf']);
  for (const paths of [
    ['m.gguf', 'm-Q8_0.gguf'],
    ['a-F16.gguf', 'b-F16.gguf'],
    ['chat-Q8_0.gguf', 'base-Q4_0.gguf'],
  ]) {
    assert.throws(
      () => original(paths),
      (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.match(
          error.message,
          /^a\/b: holds 2 models, and their names do not tell .*; name one, such as hf:a\/b\//,
        );
        return true;
      },
    );
  }
  assert.throws(
    () => original(['adapter_config.json', 'adapter_model.safetensors']),
    /LoRA adapter.*give its base model/,
  );
  assert.throws(() => original(['config.json', 'pytorch_model.bin']), /holds PyTorch pickles/);
});

test('the cache and the token are found as the environment says', async () => {
  const folder = async (environment: Record<string, string>) => (await hubSettings(environment)).cacheFolder;
  const all = { HF_HUB_CACHE: '/1', HUGGINGFACE_HUB_CACHE: '/2', HF_HOME: '/3', XDG_CACHE_HOME: '/4' };
  assert.equal(await folder(all), '/1');
  assert.equal(await folder({ ...all, HF_HUB_CACHE: '' }), '/2');
  assert.equal(await folder({ HF_HOME: '/3', XDG_CACHE_HOME: '/4' }), join('/3', 'hub'));
  assert.equal(await folder({ XDG_CACHE_HOME: '/4' }), join('/4', 'huggingface', 'hub'));
  assert.match(await folder({}), /\.cache.huggingface.hub$/);
  const settings = await hubSettings({
    HF_HOME: '/3',
    HF_TOKEN: 'hf_x',
    HF_ENDPOINT: 'http://mirror/',
    HF_HUB_OFFLINE: '1',
  });
  assert.deepEqual(settings, {
    cacheFolder: join('/3', 'hub'),
    endpoint: 'http://mirror',
    token: 'hf_x',
    offline: true,
  });
});

const id = { repo: 'user/model', explicit: true };
const weights = randomBytes(new Random(1), 300_000);

/** Runs `work` with a fake hub and an empty cache. */
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

test('what a model is wanted for decides what is fetched, and again without a network', async () => {
  const files = {
    'config.json': '{}',
    'tokenizer.json': '{}',
    'model.safetensors': weights,
    'm-Q4_K_M.gguf': weights.slice(1),
    'm-Q8_0.gguf': weights.slice(2),
  };
  await withHub(files, async (hub, settings) => {
    const original = await pullModel(id, { settings, purpose: 'original' });
    assert.deepEqual(
      [original.kind, original.files],
      ['folder', ['config.json', 'tokenizer.json', 'model.safetensors']],
    );
    const small = await pullModel(id, { settings });
    assert.deepEqual([small.kind, small.files], ['gguf', ['m-Q4_K_M.gguf']]);
    assert.ok(!hub.transfers.some((transfer) => transfer.startsWith('m-Q8_0')), hub.transfers.join(', '));
    const offline = await pullModel(id, { settings: { ...settings, offline: true }, purpose: 'original' });
    assert.equal(offline.path, original.path);
  });
});

test('a folder model is fetched into the shared layout, once', async () => {
  const files = {
    'config.json': '{}',
    'tokenizer.json': '{"a":1}',
    'README.md': '---\nlicense: mit\n---\n',
    'consolidated.safetensors': 'no',
    'model.safetensors.index.json': '{"weight_map":{"x":"model-00001-of-00001.safetensors"}}',
    'model-00001-of-00001.safetensors': weights,
  };
  await withHub(files, async (hub, settings) => {
    const events: ProgressEvent[] = [];
    const model = await pullModel(id, {
      settings: { ...settings, token: 'hf_secret' },
      onProgress: (event) => events.push(event),
    });
    assert.equal(hub.token, 'Bearer hf_secret');
    assert.equal(model.kind, 'folder');
    // The card tells the licence.
    assert.deepEqual((await readdir(model.path)).sort(), [
      'README.md',
      'config.json',
      'model-00001-of-00001.safetensors',
      'model.safetensors.index.json',
      'tokenizer.json',
    ]);
    assert.deepEqual(new Uint8Array(await readFile(join(model.path, 'model-00001-of-00001.safetensors'))), weights);
    const repo = join(settings.cacheFolder, 'models--user--model');
    assert.equal(model.path, join(repo, 'snapshots', commit));
    assert.equal(await readFile(join(repo, 'refs', 'main'), 'utf8'), commit);
    assert.match(await readlink(join(model.path, 'config.json')), /^\.\.[\\/]\.\.[\\/]blobs[\\/][0-9a-f]{40}$/);
    assert.deepEqual(
      (await readdir(join(repo, 'blobs'))).filter((name) => name.includes('.')),
      [],
    );
    assert.deepEqual(events.filter(({ stage }) => stage === 'downloading').at(-1), {
      stage: 'downloading',
      done: 300_000,
      total: 300_000,
      unit: 'bytes',
      detail: 'model-00001-of-00001.safetensors',
    });

    const before = hub.transfers.length;
    assert.equal(before, 5);
    await pullModel(id, { settings });
    assert.equal(hub.transfers.length, before);
    const requests = hub.requests;
    assert.deepEqual((await pullModel(id, { settings: { ...settings, offline: true } })).files, model.files);
    assert.equal(hub.requests, requests);
    await hub.stop();
    assert.equal((await pullModel(id, { settings })).path, model.path);
    assert.equal(await resolveModel('hf:user/model', { settings }), model.path);
  });
});

test('a cut connection is continued where it was cut', async () => {
  await withHub({ 'm-Q4_K_M.gguf': weights }, async (hub, settings) => {
    hub.cuts = [100_000, 50_000];
    const model = await pullModel(id, { settings, retryDelay: 1 });
    assert.deepEqual(hub.transfers, ['m-Q4_K_M.gguf 0', 'm-Q4_K_M.gguf 100000', 'm-Q4_K_M.gguf 150000']);
    assert.deepEqual(new Uint8Array(await readFile(model.path)), weights);
  });
});

test('what an aborted or failed run left is continued by the next', async () => {
  await withHub({ 'm.gguf': weights }, async (hub, settings) => {
    hub.cuts = [100_000];
    const controller = new AbortController();
    const onProgress = ({ done }: ProgressEvent) => {
      if (done === 100_000) controller.abort();
    };
    await assert.rejects(pullModel(id, { settings, signal: controller.signal, onProgress }), { name: 'AbortError' });
    hub.cuts = [0, 0, 0];
    await assert.rejects(
      pullModel(id, { settings, retries: 2, retryDelay: 1 }),
      /connection failed 3 times .* run again to continue at byte 100000/,
    );
    await pullModel(id, { settings });
    assert.equal(hub.transfers.at(-1), 'm.gguf 100000');
  });
});

test('rejects bytes that do not match their checksum, and begins anew when an old part was damaged', async () => {
  await withHub({ 'm.gguf': weights, 'n-Q8_0.gguf': 'x' }, async (hub, settings) => {
    hub.corrupt = 'm.gguf';
    await assert.rejects(pullModel(id, { settings }), /m.gguf: the server's bytes do not match their checksum/);
    assert.deepEqual(await readdir(join(settings.cacheFolder, 'models--user--model', 'blobs')), []);
    hub.corrupt = '';
    hub.cuts = [100_000];
    await assert.rejects(pullModel(id, { settings, retries: 0 }), /connection failed/);
    const blobs = join(settings.cacheFolder, 'models--user--model', 'blobs');
    await writeFile(join(blobs, (await readdir(blobs))[0]), new Uint8Array(100_000));
    await pullModel(id, { settings });
    assert.deepEqual(hub.transfers.slice(-2), ['m.gguf 100000', 'm.gguf 0']);
  });
});

test('rejects a server that answers a range with the whole file', async () => {
  await withHub({ 'm.gguf': weights }, async (hub, settings) => {
    hub.cuts = [100_000];
    hub.ignoreRanges = true;
    await assert.rejects(pullModel(id, { settings, retries: 1, retryDelay: 1 }), /server ignored the range/);
  });
});

test('rejects names in a repository that lead out of the cache', async () => {
  const index = '{"weight_map":{"x":"../../../x.safetensors"}}';
  await withHub(
    { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors.index.json': index },
    async (_, settings) => {
      await assert.rejects(pullModel(id, { settings }), /no path inside a repository/);
    },
  );
});

test('failures of the hub are one line each', async () => {
  await withHub({ 'm.gguf': weights }, async (hub, settings) => {
    hub.status = 401;
    await assert.rejects(pullModel(id, { settings }), /user\/model: the hub refuses access \(401\).*set HF_TOKEN/);
    hub.status = 404;
    await assert.rejects(pullModel({ ...id, revision: 'dev' }, { settings }), /no such model or no revision dev/);
    hub.status = 503;
    const busy = pullModel(id, { settings, retries: 1, retryDelay: 1 });
    await assert.rejects(busy, /is not in the cache .* the hub is not available \(503\), run again later/);
    await assert.rejects(resolveModel('no/such/file.gguf'), /no such file or folder .*models of the hub are written/);
    await assert.rejects(pullModel(id, { settings: { ...settings, offline: true } }), /HF_HUB_OFFLINE is set/);
  });
});
