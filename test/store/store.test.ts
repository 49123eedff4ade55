import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { entryId } from '../../src/store/entry.node.ts';
import { lock, tryLock } from '../../src/store/lock.node.ts';
import { prune } from '../../src/store/prune.node.ts';
import { recordFile } from '../../src/store/records.node.ts';
import { WorkStore } from '../../src/store/store.node.ts';
import { temporaryFolder } from '../pipeline/support.ts';

const script = fileURLToPath(new URL('./holder.ts', import.meta.url));
const KEY = { step: 'prices', of: 'shared' };
const LABEL = { model: 'm' };

/** A process that does what holder.ts says, once it has begun. It ends with the test. */
async function start(context: TestContext, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  context.after(() => void child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

test('a record is what was put last, undefined when it was not, and undefined when any byte of it is damaged', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  const entry = await store.open(KEY, LABEL);
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  assert.equal(await entry.get('a'), undefined);
  await entry.put('a', bytes.subarray(1));
  await entry.put('a', bytes);
  await entry.put('empty', new Uint8Array(0));
  assert.deepEqual(new Uint8Array((await entry.get('a'))!), bytes);
  assert.deepEqual(new Uint8Array((await entry.get('empty'))!), new Uint8Array(0));
  const path = join(store.folder, 'v1', entryId(KEY), recordFile('a'));
  const whole = readFileSync(path);
  let damaged = 0;
  for (const at of [0, 500, 999, 1000, 1004, 1007]) {
    writeFileSync(
      path,
      Uint8Array.from(whole, (byte, i) => (i === at ? byte ^ 1 : byte)),
    );
    assert.equal(await entry.get('a'), undefined, `byte ${at}`);
    damaged++;
  }
  for (const length of [0, 7, 8, 999, 1007]) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    assert.equal(await entry.get('a'), undefined, `${length} bytes`);
    damaged++;
  }
  assert.equal(damaged, 11);
  assert.equal(await entry.has('a'), false, 'what is damaged is dropped');
  await entry.close();
});

test('equal keys are one entry whatever the label, other keys others', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  const open = async (of: unknown, model: string) => await store.open({ step: 'prices', of }, { model });
  const first = await open({ model: 'x', seed: 1 }, 'a');
  await first.put('r', Uint8Array.of(1));
  const [same, other] = [await open({ model: 'x', seed: 1 }, 'b'), await open({ model: 'x', seed: 2 }, 'a')];
  assert.deepEqual([await same.has('r'), await other.has('r')], [true, false]);
  for (const entry of [first, same, other]) await entry.close();
  assert.equal((await store.list()).length, 2);
});

test('a lock is held by one process, and free at once when that is killed', async (context) => {
  const path = join(await temporaryFolder(context), 'a.lock');
  const child = await start(context, await temporaryFolder(context), 'file', path);
  assert.equal(tryLock(path, 'exclusive'), undefined);
  assert.equal(tryLock(path, 'shared'), undefined);
  let waited = 0;
  const taken = lock(path, 'exclusive', { onWait: () => waited++ });
  await kill(child);
  const held = await taken;
  assert.equal(waited, 1);
  assert.equal(tryLock(path, 'exclusive'), undefined, 'also within one process');
  held.release();
  const [one, two] = [tryLock(path, 'shared'), tryLock(path, 'shared')];
  assert.ok(one && two, 'many share');
  assert.equal(tryLock(path, 'exclusive'), undefined);
  one.release();
  two.release();
  assert.equal(statSync(path).size, 0);
});

test('waiting for a lock ends when it is aborted', async (context) => {
  const path = join(await temporaryFolder(context), 'a.lock');
  const held = await lock(path, 'exclusive');
  await assert.rejects(lock(path, 'exclusive', { signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
  held.release();
});

test('five processes that count under one lock lose no count, and leave no lock file', async (context) => {
  const folder = await temporaryFolder(context);
  const children = await Promise.all(Array.from({ length: 5 }, () => start(context, folder, 'count')));
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'close')));
  const entry = await new WorkStore(folder).open(KEY, LABEL);
  assert.equal(new TextDecoder().decode(await entry.get('count')), '100');
  await entry.close();
  assert.deepEqual(
    globSync('v1/*/*.lock', { cwd: folder }).filter((name) => !name.endsWith('use.lock')),
    [],
  );
});

test('a process killed while it writes leaves the record whole, and what it left is swept by the next', async (context) => {
  const folder = await temporaryFolder(context);
  let killed = 0;
  for (let i = 0; i < 5; i++) {
    const child = await start(context, folder, 'write');
    await new Promise((resolve) => setTimeout(resolve, 3 * i));
    await kill(child);
    const entry = await new WorkStore(folder).open(KEY, LABEL);
    const bytes = await entry.get('record');
    assert.ok(bytes?.length === 200_000 && bytes.every((byte) => byte === bytes[0]));
    assert.deepEqual(globSync('v1/*/*.tmp', { cwd: folder }), []);
    await entry.close();
    killed++;
  }
  assert.equal(killed, 5);
});

test('an entry in use is not removed, by no process; when it is closed it is', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  const child = await start(context, store.folder, 'open');
  const [info] = await store.list();
  assert.equal(info.inUse, true);
  assert.equal(await store.remove(info), false);
  assert.deepEqual((await prune(store, { keepBytes: 0 })).kept.length, 1);
  await kill(child);
  assert.equal((await store.list())[0].inUse, false);
  assert.equal(await store.remove(info), true);
  assert.deepEqual(await store.list(), []);
  assert.equal(await store.remove(info), true, 'what is gone is gone');
});

test('an entry that several have open is discarded by the last of them', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  const [one, two] = [await store.open(KEY, LABEL), await store.open(KEY, LABEL)];
  await one.put('r', Uint8Array.of(1));
  await one.discard();
  assert.deepEqual([...(await two.get('r'))!], [1]);
  await two.discard();
  assert.deepEqual(await store.list(), []);
});

test('jobs share records without more room, and each removes its own alone', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  const group = { step: 'rounding', of: 'measurement' };
  const [first, second, stranger] = [
    await store.openJob(group, { bits: 4 }, LABEL),
    await store.openJob(group, { bits: 5 }, LABEL),
    await store.openJob({ step: 'rounding', of: 'another' }, { bits: 5 }, LABEL),
  ];
  await first.put('block', new Uint8Array(100_000).fill(7));
  assert.equal(await second.has('block'), true);
  assert.equal(await stranger.has('block'), false);
  const sizes = (await store.list()).map(({ bytes }) => bytes).reduce((a, b) => a + b, 0);
  assert.ok(sizes < 110_000, `${sizes} bytes`);
  await first.discard();
  assert.equal((await second.get('block'))?.[99_999], 7);
  await second.close();
  const again = await store.openJob(group, { bits: 5 }, LABEL);
  assert.equal(await again.has('block'), true, 'an unfinished job finds its blocks');
  await again.discard();
  await stranger.discard();
  assert.deepEqual(await store.list(), []);
});

test('pruning takes what was not used for long, then what was used longest ago', async (context) => {
  const store = new WorkStore(await temporaryFolder(context));
  for (const [i, days] of [1, 10, 100].entries()) {
    const entry = await store.open({ step: 'prices', of: i }, { model: `used ${days} days ago` });
    await entry.put('r', new Uint8Array(1000));
    await entry.close();
    const time = Date.now() / 1000 - 86_400 * days;
    utimesSync(join(store.folder, 'v1', entryId({ step: 'prices', of: i }), 'entry.json'), time, time);
  }
  const names = ({ removed }: { removed: readonly { model: string }[] }) => removed.map(({ model }) => model);
  assert.deepEqual(names(await prune(store, { olderMs: 50 * 86_400_000 })), ['used 100 days ago']);
  assert.deepEqual(names(await prune(store, { keepBytes: 1500 })), ['used 10 days ago']);
  assert.deepEqual(
    (await store.list()).map(({ model }) => model),
    ['used 1 days ago'],
  );
  const entry = await store.open({ step: 'prices', of: 0 }, LABEL);
  assert.ok(Date.now() - (await store.list())[0].usedAt < 60_000, 'opening is using');
  await entry.close();
});

test('what cannot be written is one line: the folder was removed, a file is in its place', async (context) => {
  const folder = await temporaryFolder(context);
  const store = new WorkStore(join(folder, 'store'));
  const entry = await store.open(KEY, LABEL);
  rmSync(store.folder, { recursive: true });
  await assert.rejects(
    entry.put('r', new Uint8Array(1)),
    /^BitbudgetError: .*store.*: the folder was removed while it was/,
  );
  await entry.close();
  mkdirSync(join(folder, 'other'));
  writeFileSync(join(folder, 'other', 'v1'), '');
  await assert.rejects(new WorkStore(join(folder, 'other')).open(KEY, LABEL), /^BitbudgetError: .*kept work cannot be/);
});
