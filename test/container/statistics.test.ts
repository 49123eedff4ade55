import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Imatrix } from '../../src/container/imatrix.ts';
import { meanSquares, readImatrix, writeImatrix } from '../../src/container/imatrix.ts';
import { KlBaseWriter, readKlBase } from '../../src/container/kl-base.ts';
import { MemorySink, memorySource } from '../../src/container/source/memory.ts';
import { ByteWriter } from '../../src/core/bytes.ts';
import { FormatError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';

const imatrix: Imatrix = {
  datasets: ['a.txt', 'b.txt'],
  chunkCount: 12,
  chunkSize: 512,
  entries: new Map([
    ['blk.0.attn_q.weight', { sums: Float32Array.of(2, 4, 6), counts: Float32Array.of(2) }],
    ['blk.0.ffn_up_exps.weight', { sums: Float32Array.of(2, 4, 0, 0), counts: Float32Array.of(4, 0) }],
  ]),
};

test('an importance matrix is read as it was written', async () => {
  const sink = new MemorySink();
  await writeImatrix(imatrix, sink);
  const read = await readImatrix(memorySource(sink.bytes()));
  assert.deepEqual(read, imatrix);
  assert.deepEqual(meanSquares(read.entries.get('blk.0.attn_q.weight')!), Float32Array.of(1, 2, 3));
  assert.deepEqual(meanSquares(read.entries.get('blk.0.ffn_up_exps.weight')!), Float32Array.of(0.5, 1, 1, 1));
});

test('a legacy importance matrix gives the same mean squares', async () => {
  const bytes = legacy([['blk.0.attn_q.weight', 3, [3, 6, 9]]], { chunks: 3, dataset: 'wiki.txt' });
  const read = await readImatrix(memorySource(bytes));
  assert.deepEqual([read.datasets, read.chunkCount, read.chunkSize], [['wiki.txt'], 3, 0]);
  assert.deepEqual(meanSquares(read.entries.get('blk.0.attn_q.weight')!), Float32Array.of(1, 2, 3));
  const oldest = await readImatrix(memorySource(legacy([['x', 1, [1]]])));
  assert.deepEqual([oldest.datasets, oldest.chunkCount], [[], 0]);
});

test('rejects damaged importance matrices', async () => {
  const whole = legacy([['x', 3, [3, 6, 9]]], { chunks: 3, dataset: 'w' });
  // The entries end at byte 29; chunk count and dataset behind them may be missing, each as a whole.
  const optional = new Set([29, 30, 31, 32, 33, 34, 35, 36]);
  let rejected = 0;
  for (let length = 0; length < whole.length; length++) {
    const reading = readImatrix(memorySource(whole.subarray(0, length)));
    if (optional.has(length)) await reading;
    else rejected += Number((await reading.catch((error) => error)) instanceof FormatError);
  }
  assert.equal(rejected, whole.length - optional.size);
  await assert.rejects(
    readImatrix(
      memorySource(
        legacy([
          ['x', 1, [1]],
          ['x', 1, [1]],
        ]),
      ),
    ),
    /x stands twice/,
  );
});

test('a KL base file holds log-probabilities to 16 nats / 65535 / 2', async () => {
  const random = new Random(5);
  let compared = 0;
  for (const vocabulary of [1, 7, 8, 100]) {
    const [contextLength, chunks] = [9, 2];
    const rows = contextLength - 1 - 4;
    const tokens = Int32Array.from({ length: chunks * contextLength }, () => random.integer(vocabulary));
    const logits = Array.from({ length: chunks }, () =>
      Float32Array.from({ length: rows * vocabulary }, () => random.normal() * 3),
    );
    const sink = new MemorySink();
    const writer = await KlBaseWriter.create(sink, { contextLength, vocabulary, chunks, tokens });
    for (const chunk of logits) await writer.write(chunk);
    await writer.finish();
    const file = await readKlBase(memorySource(sink.bytes()));
    assert.deepEqual(
      [file.contextLength, file.vocabulary, file.chunks, file.rows, file.firstScored],
      [9, vocabulary, 2, 4, 4],
    );
    assert.deepEqual(file.tokens, tokens);
    const out = new Float32Array(vocabulary);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const decoded = await file.chunk(chunk);
      for (let row = 0; row < rows; row++) {
        decoded.logProbabilities(row, out);
        const values = logits[chunk].subarray(row * vocabulary, (row + 1) * vocabulary);
        const most = Math.max(...values);
        const norm = most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
        for (let i = 0; i < vocabulary; i++) {
          const expected = Math.max(values[i], most - 16) - norm;
          assert.ok(Math.abs(out[i] - expected) < 16 / 65535 / 2 + 4e-6, `${out[i]} for ${expected}`);
          compared++;
        }
      }
    }
  }
  assert.equal(compared, 2 * 4 * (1 + 7 + 8 + 100));
});

test('rejects KL base files whose length contradicts their header', async () => {
  const sink = new MemorySink();
  const writer = await KlBaseWriter.create(sink, {
    contextLength: 4,
    vocabulary: 2,
    chunks: 1,
    tokens: Int32Array.of(0, 1, 1, 0),
  });
  await assert.rejects(writer.finish(), /0 of 1 announced chunks/);
  await assert.rejects(writer.write(new Float32Array(3)), /has 3 logits; expected 1 rows of 2/);
  await writer.write(Float32Array.of(1, 2));
  await writer.finish();
  const bytes = sink.bytes();
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(readKlBase(memorySource(bytes.subarray(0, length))), FormatError);
  }
  const outside = bytes.slice();
  outside[20] = 2;
  await assert.rejects(readKlBase(memorySource(outside)), /holds token 2; the vocabulary has 2/);
});

function legacy(
  entries: [name: string, calls: number, values: number[]][],
  end?: { chunks: number; dataset: string },
): Uint8Array {
  const out = new ByteWriter();
  const text = (value: string) => {
    out.i32(value.length);
    out.bytes(new TextEncoder().encode(value));
  };
  out.i32(entries.length);
  for (const [name, calls, values] of entries) {
    text(name);
    out.i32(calls);
    out.i32(values.length);
    for (const value of values) out.f32(value);
  }
  if (end !== undefined) {
    out.i32(end.chunks);
    text(end.dataset);
  }
  return out.finish();
}
