import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects } from 'hyparquet';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { measurementToParquet } from '../../src/measure/export.ts';
import { importanceSums } from '../../src/measure/imatrix.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { openMeasurementStore } from '../../src/measure/store.node.ts';
import { memoryStore } from '../../src/measure/store.ts';
import { packTriangle, unpackTriangle } from '../../src/measure/triangle.ts';
import type { Measurement } from '../../src/measure/types.ts';
import { interruptible } from './interruptible.ts';
import { normals } from './support.ts';

const kernels = createReferenceKernels();
const folder = mkdtempSync(join(tmpdir(), 'bitbudget-measure-'));
after(() => rmSync(folder, { recursive: true }));

async function assertEqual(a: Measurement, b: Measurement): Promise<void> {
  assert.deepEqual(a.key, b.key);
  assert.deepEqual(a.summaries, b.summaries);
  assert.ok(a.summaries.length > 0);
  for (const { tensor } of a.summaries) assert.deepEqual(await a.read(tensor), await b.read(tensor));
}

test('a packed triangle holds a symmetric matrix of 1 to 33 columns exactly', () => {
  let checked = 0;
  for (const n of [1, 2, 3, 31, 32, 33]) {
    const half = normals(new Random(n), n * n, 1);
    const a = half.map((_, i) => half[i] + half[(i % n) * n + Math.floor(i / n)]);
    assert.deepEqual(unpackTriangle(packTriangle(a, n), n), a);
    checked++;
  }
  assert.equal(checked, 6);
  assert.throws(() => unpackTriangle(new Float32Array(4), 2), /4 values, 3 expected/);
});

test('the file store gives back what the memory store does, also when opened anew', async () => {
  const { model, tokens, seed } = interruptible();
  const path = join(folder, 'whole.sqlite');
  const expected = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const store = await openMeasurementStore(path);
  await assertEqual(expected, await measureModel(kernels, model, tokens, { store, seed }));
  await store.close();
  const again = await openMeasurementStore(path);
  const found = await again.find(expected.key);
  assert.ok(found);
  await assertEqual(expected, found);
  assert.equal(await again.find({ ...expected.key, seed: seed + 1 }), undefined);
  await assert.rejects(found.read('blk.9.attn_q.weight'), /blk\.9\.attn_q\.weight was not measured/);
  await again.close();
});

test('a measurement killed with SIGKILL at several moments ends with the same factors', async () => {
  const { model, tokens, seed } = interruptible();
  const path = join(folder, 'killed.sqlite');
  const script = fileURLToPath(new URL('./interruptible.ts', import.meta.url));
  let killed = 0;
  // In the forward pass; in the last block, behind the saved head; in the first block, behind the saved last one.
  for (const events of [3, 7, 5]) {
    const child = spawn(process.execPath, [script, path, String(events)], { stdio: 'ignore' });
    const signal = await new Promise((resolve) => child.on('exit', (_, name) => resolve(name)));
    if (signal === 'SIGKILL') killed++;
  }
  assert.ok(killed === 3, `${killed} runs were killed`);
  const store = await openMeasurementStore(path);
  const resumed = await measureModel(kernels, model, tokens, { store, seed });
  await assertEqual(await measureModel(kernels, model, tokens, { store: memoryStore(), seed }), resumed);
  await store.close();
});

test('rejects files that are no measurement', async () => {
  const text = join(folder, 'text.sqlite');
  writeFileSync(text, 'not a database, but long enough to be looked at '.repeat(50));
  await assert.rejects(openMeasurementStore(text), /text\.sqlite: .*expected a measurement file/);
  const { DatabaseSync } = await import('node:sqlite');
  const other = join(folder, 'other.sqlite');
  const database = new DatabaseSync(other);
  database.exec('CREATE TABLE something (x)');
  database.close();
  await assert.rejects(openMeasurementStore(other), /other\.sqlite: database 0 of layout 0, expected/);
});

test('the exported Parquet table has one row per use, as hyparquet reads it', async () => {
  const { model, tokens, seed } = interruptible();
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const rows = await parquetReadObjects({ file: measurementToParquet(measurement) });
  assert.deepEqual(
    rows.map(({ tensor, use, kronecker }) => [tensor, use, kronecker]),
    measurement.summaries.map(({ tensor, use, sketch }) => [tensor, use, sketch.kronecker]),
  );
  assert.ok(rows.every(({ unbiased, relative_error }) => unbiased > 0 && relative_error > 0));
});

test('importance sums are those of the inputs, per token counted', async () => {
  const { model, tokens, seed } = interruptible();
  const measurement = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const entries = importanceSums(measurement);
  assert.equal(entries.size, measurement.summaries.length - 1);
  const { sums, counts } = entries.get('blk.0.attn_q.weight')!;
  assert.equal(counts[0], tokens.ids.length);
  // Inputs are RMS-normed rows times a gain: their squares without it average 1 per column.
  const gain = await model.tensors.get('blk.0.attn_norm.weight')!.load();
  const total = sums.reduce((sum, value, c) => sum + value / gain[c] ** 2, 0) / counts[0] / sums.length;
  assert.ok(Math.abs(total - 1) < 1e-3, `mean square ${total}`);
});
