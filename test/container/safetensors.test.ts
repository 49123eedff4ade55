import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { diskFolder, fileSink, openSafetensorsFolder, openTensorFile } from '../../src/container/node.ts';
import { dtypeBits } from '../../src/container/safetensors/format.ts';
import { readSafetensors } from '../../src/container/safetensors/read.ts';
import { SafetensorsWriter, safetensorsSize } from '../../src/container/safetensors/write.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { Random } from '../../src/core/random.ts';
import { needsShared, shared } from '../support/shared.ts';
import { randomBytes } from './support.ts';

test('safetensors: what is written is read back, every dtype', async () => {
  const random = new Random(3);
  const plans = Object.keys(dtypeBits).map((format, i) => ({ name: `layer.${i}`, shape: [i % 3, 8], format }));
  const metadata = new Map([
    ['format', 'pt'],
    ['quote', 'a "b" \n 日本'],
  ]);
  const data = new Map(
    plans.map(({ name, shape, format }) => [name, randomBytes(random, shape[0] * dtypeBits[format])]),
  );
  const sink = new MemorySink();
  const writer = await SafetensorsWriter.create(sink, plans, metadata);
  for (const [name, bytes] of data) await writer.write(name, bytes);
  await writer.finish();
  const bytes = sink.bytes();

  const size = safetensorsSize(plans, metadata);
  assert.equal(bytes.length, size.totalBytes);
  assert.equal(size.headerBytes % 8, 0);
  const file = await readSafetensors(memorySource(bytes));
  assert.deepEqual([...file.metadata], [...metadata]);
  let compared = 0;
  for (const { name, shape, format } of plans) {
    const entry = file.tensors.get(name);
    assert.ok(entry);
    assert.deepEqual([entry.format, entry.shape], [format, shape]);
    assert.deepEqual(await entry.read(), data.get(name));
    compared++;
  }
  assert.equal(compared, Object.keys(dtypeBits).length);
});

test('a safetensors writer refuses names twice, unknown dtypes and half bytes', () => {
  const plan = (name: string, format: string, shape: number[]) => ({ name, format, shape });
  assert.throws(() => safetensorsSize([plan('a', 'F32', [1]), plan('a', 'F32', [1])]), /announced twice/);
  assert.throws(() => safetensorsSize([plan('__metadata__', 'F32', [1])]), /reserved/);
  assert.throws(() => safetensorsSize([plan('a', 'Q4_K', [256])]), /no dtype Q4_K/);
  assert.throws(() => safetensorsSize([plan('a', 'F4', [3])]), /whole bytes/);
});

test(
  'the tiny model opens by its file and by its folder, the same',
  needsShared('models/tiny/model.safetensors'),
  async () => {
    const path = shared('models/tiny/model.safetensors') as string;
    const file = await openTensorFile(path);
    const folder = await openSafetensorsFolder(diskFolder(dirname(path)));
    assert.equal(file.tensors.size, 75);
    assert.deepEqual([...file.tensors.keys()], [...folder.tensors.keys()]);
    const head = folder.tensors.get('lm_head.weight');
    assert.ok(head);
    assert.deepEqual([head.format, head.shape, head.byteLength], ['BF16', [4096, 256], 2097152]);
    const whole = readFileSync(path);
    const start = whole.length - [...file.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.deepEqual(Buffer.from(await head.read(2, 10)), whole.subarray(start + 2, start + 10));
    await file.close();
    await folder.close();
  },
);

test('shards joined by model.safetensors.index.json', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bitbudget-'));
  try {
    const write = async (fileName: string, name: string) => {
      const writer = await SafetensorsWriter.create(await fileSink(join(folder, fileName)), [
        { name, shape: [2], format: 'U8' },
      ]);
      await writer.write(name, Uint8Array.of(1, name.length));
      await writer.finish();
    };
    const index = (map: Record<string, unknown>) =>
      writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    await write('model-00001-of-00002.safetensors', 'a');
    await write('model-00002-of-00002.safetensors', 'bb');
    await index({ a: 'model-00001-of-00002.safetensors', bb: 'model-00002-of-00002.safetensors' });
    const file = await openSafetensorsFolder(diskFolder(folder));
    assert.deepEqual([...file.tensors.keys()], ['a', 'bb']);
    assert.deepEqual(await file.tensors.get('bb')?.read(), Uint8Array.of(1, 2));
    await file.close();

    const open = () => openSafetensorsFolder(diskFolder(folder));
    await index({ a: 'model-00003-of-00002.safetensors' });
    await assert.rejects(open(), /names "model-00003-of-00002.safetensors", which is not in/);
    await index({ bb: 'model-00001-of-00002.safetensors' });
    await assert.rejects(open(), /puts tensor "bb" into model-00001-of-00002.safetensors, which does not have it/);
    await index({ a: 5 });
    await assert.rejects(open(), /weight_map has "a" as number/);
    for (const outside of ['../a.safetensors', '/etc/passwd', '..', 'x\\y', '']) {
      await index({ a: outside });
      await assert.rejects(open(), /expected a bare file name/);
    }
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.partial')),
      [],
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
