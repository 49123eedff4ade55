import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WorkStore } from '../../src/store/store.node.ts';
import { temporaryFolder } from '../pipeline/support.ts';
import { cli } from '../support/cli.ts';

test('cache lists, removes by id and model, and prunes; what it takes is told', async (context) => {
  const folder = await temporaryFolder(context);
  const env = { BITBUDGET_CACHE: join(folder, 'kept') };
  const run = async (...args: string[]) => await cli(['cache', ...args], { env });
  const empty = await run();
  assert.equal(empty.code, 0, empty.stderr);
  assert.match(empty.stdout, /kept: 0 entries, 0 B\n$/);
  const store = new WorkStore(env.BITBUDGET_CACHE);
  for (const [step, model] of [
    ['measurement', 'small'],
    ['prices', 'small'],
    ['measurement', 'large'],
  ]) {
    const entry = await store.open({ step, of: model }, { model });
    await entry.put('bytes', new Uint8Array(model === 'large' ? 2_000_000 : 1000));
    await entry.close();
  }
  const { stdout } = await run('list');
  assert.match(stdout, /kept: 3 entries, 2\.00 MB\nmodel +step +size +last used +id\n/);
  assert.match(stdout, /^large +measurement +2\.00 MB +0 min ago +measurement-\w{8}$/m);
  assert.match(stdout, /^small +prices and evaluations +[\d.]+ kB +0 min ago +prices-\w{8}$/m);
  const json = JSON.parse((await run('list', '--json')).stdout);
  assert.deepEqual([json.schemaVersion, json.entries.length], [1, 3]);
  const id = /^large .* (measurement-\w{8})$/m.exec(stdout)![1];
  assert.match((await run('rm', id)).stdout, /^removed 1 entry, 2\.00 MB\n$/);
  assert.match((await run('prune', '--older', '1d')).stdout, /^removed 0 entries, 0 B\n$/);
  assert.match((await run('prune', '--keep', '1500B')).stdout, /^removed 1 entry, 1\.\d+ kB\n$/);
  const held = await store.open({ step: 'measurement', of: 'held' }, { model: 'held' });
  assert.match((await run('rm', 'all')).stdout, /^removed 1 entry, .*\nleft 1 entry, .* in use by other runs\n$/);
  await held.close();
  assert.equal((await run('rm', 'held', '--work-dir', env.BITBUDGET_CACHE)).code, 0);
  assert.deepEqual(readdirSync(join(env.BITBUDGET_CACHE, 'v1')), []);
});

test('cache says in one line what it cannot do', async (context) => {
  const folder = await temporaryFolder(context);
  const env = { BITBUDGET_CACHE: folder };
  for (const [args, line] of [
    [['rm', 'nobody'], /nobody: no entry and no model of .*; bitbudget cache list shows them/],
    [['prune'], /cache prune: give --older 30d, --keep 2GB, or both/],
    [['prune', '--older', 'long'], /time long: expected days, hours or weeks, such as 30d/],
    [['prune', '--keep', 'much'], /size much: expected bytes/],
    [['rm'], /missing required argument 'names'/],
    [['list', '--work-dir', '/dev/null/x'], /--work-dir \/dev\/null\/x: cannot be written \(ENOTDIR\); name a folder/],
  ] as const) {
    const { code, stdout, stderr } = await cli(['cache', ...args], { env });
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, line);
    assert.equal(stderr.trim().split('\n').length, 1);
  }
});
