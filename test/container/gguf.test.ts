import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readGguf } from '../../src/container/gguf/read.ts';
import { ggmlTypeByName, ggmlTypes } from '../../src/container/gguf/types.ts';
import { GgufWriter, ggufSize } from '../../src/container/gguf/write.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { Random } from '../../src/core/random.ts';
import { formats } from '../../src/numeric/table.ts';
import type { TypedMetadata } from '../../src/text/types.ts';
import { needsShared, shared } from '../support/shared.ts';
import { randomBytes, writeGguf } from './support.ts';

const everyType = new Map<string, TypedMetadata>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['a.uint8', { type: 'uint8', value: 255 }],
  ['a.int8', { type: 'int8', value: -128 }],
  ['a.uint16', { type: 'uint16', value: 65535 }],
  ['a.int16', { type: 'int16', value: -32768 }],
  ['a.uint32', { type: 'uint32', value: 4294967295 }],
  ['a.int32', { type: 'int32', value: -2147483648 }],
  ['a.float32', { type: 'float32', value: 0.5 }],
  ['a.float64', { type: 'float64', value: Math.PI }],
  ['a.bool', { type: 'bool', value: true }],
  ['a.uint64', { type: 'uint64', value: 2n ** 64n - 1n }],
  ['a.int64', { type: 'int64', value: -(2n ** 63n) }],
  ['a.small64', { type: 'int64', value: -5 }],
  ['a.text', { type: 'string', value: 'naïve 😀 \0 Ġthe' }],
  ['a.empty', { type: 'string', value: '' }],
  ['l.uint8', { type: 'array:uint8', value: [0, 1, 255] }],
  ['l.float32', { type: 'array:float32', value: [-0.25, 1e10, Infinity].map(Math.fround) }],
  ['l.bool', { type: 'array:bool', value: [true, false] }],
  ['l.string', { type: 'array:string', value: ['', 'a', 'Ġthe', '日本語', '😀', '\u{fffd}', '\ufeffx', 'plain'] }],
  ['l.none', { type: 'array:string', value: [] }],
  ['l.int64', { type: 'array:int64', value: [1, -2] }],
  ['l.uint64', { type: 'array:uint64', value: [1n, 2n ** 63n] }],
  ['l.nested', { type: 'array:array:int32', value: [[1, 2], [], [3]] }],
]);

for (const options of [{ version: 3 }, { version: 2 }, { version: 3, littleEndian: false }] as const) {
  const label = `version ${options.version}${'littleEndian' in options ? ' big-endian' : ''}`;
  test(`GGUF ${label}: what is written is read back, every value type and every ggml type`, async () => {
    const random = new Random(7);
    const tensors = ggmlTypes.map(({ name, blockSize }, i) => ({
      name: `t${i}.weight`,
      shape: [(i % 3) + 1, blockSize * 2],
      format: name,
    }));
    const data = new Map(
      tensors.map(({ name, shape }, i) => [name, randomBytes(random, shape[0] * 2 * ggmlTypes[i].blockBytes)]),
    );
    const bytes = await writeGguf(everyType, tensors, data, options);
    const file = await readGguf(memorySource(bytes));

    assert.equal(file.version, options.version);
    assert.deepEqual([...file.typedMetadata], [...everyType]);
    let compared = 0;
    for (const { name, shape, format } of tensors) {
      const entry = file.tensors.get(name);
      assert.ok(entry);
      assert.deepEqual([entry.format, entry.shape], [format, shape]);
      assert.deepEqual(await entry.read(), data.get(name));
      assert.deepEqual(await entry.read(1, 7 % entry.byteLength), data.get(name)?.subarray(1, 7 % entry.byteLength));
      compared++;
    }
    assert.equal(compared, 35);
  });
}

test('types that bitbudget computes with have the sizes that the number formats say', () => {
  let compared = 0;
  for (const { name, blockSize, blockBytes, gguf } of formats.values()) {
    if (gguf === undefined) continue;
    const { id, ...sizes } = ggmlTypeByName(name, 'registry');
    assert.deepEqual([id, sizes.blockSize, sizes.blockBytes], [gguf.type, blockSize, blockBytes], name);
    compared++;
  }
  assert.ok(compared >= 16, `${compared} formats`);
});

test('the size is known before the data exists, to the byte, at any alignment', async () => {
  let cases = 0;
  for (const alignment of [undefined, 8, 32, 64, 4096]) {
    const metadata = new Map(everyType);
    if (alignment !== undefined) metadata.set('general.alignment', { type: 'uint32', value: alignment });
    const tensors = [
      { name: 'a', shape: [3], format: 'F32' },
      { name: 'b', shape: [2, 3, 256], format: 'Q6_K' },
      { name: 'c', shape: [1, 32], format: 'Q4_0' },
    ];
    const layout = ggufSize(metadata, tensors);
    const data = new Map([
      ['a', new Uint8Array(12)],
      ['b', new Uint8Array(6 * 210)],
      ['c', new Uint8Array(18)],
    ]);
    const bytes = await writeGguf(metadata, tensors, data);
    assert.equal(bytes.length, layout.totalBytes);
    assert.equal(layout.alignment, alignment ?? 32);
    const file = await readGguf(memorySource(bytes));
    assert.equal(file.dataStart, layout.headerBytes);
    assert.equal(
      layout.tensorBytes('a') + layout.tensorBytes('b') + layout.tensorBytes('c') + layout.headerBytes,
      layout.totalBytes,
    );
    cases++;
  }
  assert.equal(cases, 5);
});

test('the writer accepts tensors in pieces, and refuses another order, too many bytes and too few', async () => {
  const tensors = [
    { name: 'a', shape: [4], format: 'F32' },
    { name: 'b', shape: [4], format: 'F32' },
  ];
  const sink = new MemorySink();
  const writer = await GgufWriter.create(sink, new Map(), tensors);
  await assert.rejects(writer.write('b', new Uint8Array(16)), /b was written where a was announced/);
  await writer.write('a', new Uint8Array(4));
  await assert.rejects(writer.write('a', new Uint8Array(13)), /17 bytes were written, 16 announced/);
  await writer.write('a', new Uint8Array(12));
  await assert.rejects(writer.finish(), /tensor b: 0 of 16 announced bytes/);
  await writer.write('b', new Uint8Array(16));
  await assert.rejects(writer.write('b', new Uint8Array(1)), /b was written where the end was announced/);
  await writer.finish();
  assert.equal(sink.bytes().length, ggufSize(new Map(), tensors).totalBytes);
});

test('the writer refuses what GGUF or llama.cpp cannot hold', () => {
  const one = (type: string, value: TypedMetadata['value']) => () => ggufSize(new Map([['k', { type, value }]]), []);
  const plan =
    (name: string, shape: number[], format = 'F32') =>
    () =>
      ggufSize(new Map(), [{ name, shape, format }]);
  assert.throws(one('uint8', 256), /256 does not fit uint8/);
  assert.throws(one('int32', 0.5), /0.5 does not fit int32/);
  assert.throws(one('uint64', -1), /-1 does not fit uint64/);
  assert.throws(one('string', 1), /number 1; expected a string/);
  assert.throws(one('bool', 1), /expected a boolean/);
  assert.throws(one('array:int32', 1), /expected an array of int32/);
  assert.throws(one('text', 'x'), /no value type text/);
  assert.throws(plan('x'.repeat(64), [1]), /names of 1 to 63 bytes/);
  assert.throws(plan('x', [1, 1, 1, 1, 1]), /does not fit GGUF/);
  assert.throws(plan('x', [256, 128], 'Q4_K'), /no whole blocks of Q4_K/);
  assert.throws(plan('x', [1], 'Q9'), /no type Q9/);
});

test('llama.cpp vocabulary files: tokens, types and merges', needsShared('golden/vocab'), async () => {
  const folder = shared('golden/vocab') as string;
  const counts = new Map([
    ['gpt-2', 50257],
    ['llama-bpe', 128256],
    ['llama-spm', 32000],
    ['qwen2', 151936],
    ['starcoder', 49152],
    ['deepseek-coder', 32256],
  ]);
  let opened = 0;
  for (const fileName of readdirSync(folder).filter((name) => name.endsWith('.gguf.gz'))) {
    const bytes = gunzipSync(readFileSync(join(folder, fileName)));
    const { metadata, typedMetadata, version } = await readGguf(memorySource(bytes, fileName));
    const tokens = metadata.get('tokenizer.ggml.tokens') as string[];
    assert.equal(version, 3);
    assert.equal(tokens.length, counts.get(fileName.replace('.gguf.gz', '')), fileName);
    assert.equal(typedMetadata.get('tokenizer.ggml.token_type')?.type, 'array:int32');
    // Written again, the header is the same to the byte.
    const again = await writeGguf(typedMetadata, [], new Map());
    assert.ok(Buffer.from(again.buffer, 0, bytes.length).equals(bytes), fileName);
    opened++;
  }
  assert.equal(opened, counts.size);
});
