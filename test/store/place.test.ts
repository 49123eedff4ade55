import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { networkFileSystem, storePlace, userFolder } from '../../src/store/place.node.ts';
import { temporaryFolder } from '../pipeline/support.ts';

test('work is kept where the user says, else where the environment says, else in the cache folder', async (context) => {
  const folder = await temporaryFolder(context);
  const at = (name: string) => join(folder, name);
  const environment = { HOME: at('home'), XDG_CACHE_HOME: at('xdg'), BITBUDGET_CACHE: at('named') };
  const place = async (options: object) => (await storePlace({ output: at('out/m.gguf'), ...options })).folder;
  assert.equal(await place({ workDir: at('work'), environment }), at('work'));
  assert.equal(await place({ environment }), at('named'));
  assert.equal(await place({ environment: { ...environment, BITBUDGET_CACHE: '' } }), at('xdg/bitbudget'));
  assert.equal(userFolder({ HOME: at('home'), LOCALAPPDATA: at('local') })?.startsWith(folder), true);
});

test('without a home, or where it cannot be written, one line says so and work lies beside the output', async (context) => {
  const folder = await temporaryFolder(context);
  writeFileSync(join(folder, 'file'), '');
  const output = join(folder, 'out', 'm.gguf');
  let checked = 0;
  for (const environment of [
    { HOME: '' },
    { HOME: '/' },
    { XDG_CACHE_HOME: join(folder, 'file') },
    { HOME: '/dev/null' },
  ]) {
    const { folder: found, note } = await storePlace({ output, environment });
    assert.equal(found, join(folder, 'out', '.bitbudget'));
    assert.match(note!, /(no home folder|cannot be written \(\w+\)); work is kept in .*\.bitbudget$/);
    checked++;
  }
  assert.equal(checked, 4);
  assert.equal(existsSync(join(folder, 'out')), false, 'nothing is made for it yet');
  assert.equal((await storePlace({ environment: { HOME: '' } })).folder, '.bitbudget');
});

test('a folder that the user named and that takes no files is wrong usage', async (context) => {
  const folder = await temporaryFolder(context);
  writeFileSync(join(folder, 'file'), '');
  const named = join(folder, 'file', 'below');
  await assert.rejects(
    storePlace({ workDir: named }),
    /^UsageError: --work-dir .*cannot be written \(ENOTDIR\); name a/,
  );
  await assert.rejects(
    storePlace({ environment: { BITBUDGET_CACHE: named } }),
    /^UsageError: BITBUDGET_CACHE .*cannot be written/,
  );
});

test('network file systems are told by their numbers, also where those are signed; ext4 and tmpfs are none', () => {
  const names = [0x6969, 0xfe534d42, 0xff534d42 | 0, 0xef53, 0x01021994].map(networkFileSystem);
  assert.deepEqual(names, ['NFS', 'SMB2', 'CIFS', undefined, undefined]);
});

test('a read-only folder is not used', {
  skip: process.getuid?.() === 0 && 'root may write everywhere',
}, async (context) => {
  const folder = await temporaryFolder(context);
  chmodSync(folder, 0o555);
  await assert.rejects(storePlace({ workDir: folder }), /^UsageError: --work-dir .*cannot be written/);
  chmodSync(folder, 0o755);
});
