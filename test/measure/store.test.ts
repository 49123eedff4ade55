import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects } from 'hyparquet';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { packArrays, unpackArrays } from '../../src/measure/arrays.ts';
import { entryMeasurementStore } from '../../src/measure/entry-store.ts';
import { measurementToParquet } from '../../src/measure/export.ts';
import { packHalves, unpackHalves } from '../../src/measure/halves.ts';
import { importanceSums } from '../../src/measure/imatrix.ts';
import { measureModel } from '../../src/measure/measure.ts';
import { memoryStore } from '../../src/measure/store.ts';
import type { Measurement } from '../../src/measure/types.ts';
import { interruptible, openTestEntry } from './interruptible.ts';
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

test('packed halves keep 16 bits of their mean, 8 of their difference and both diagonals, at 1 to 33 columns', () => {
  let checked = 0;
  for (const n of [1, 2, 3, 31, 32, 33]) {
    const [one, other] = [n, n + 100].map((seed) => covariance(new Random(seed), n));
    const packed = packHalves(one, other, n);
    assert.equal(packed.length, 12 * n + 1.5 * n * (n - 1));
    const [first, second] = unpackHalves(packed, n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const at = i * n + j;
        const scale = Math.sqrt(((one[i * n + i] + other[i * n + i]) / 2) * ((one[j * n + j] + other[j * n + j]) / 2));
        const [mean, difference] = [(one[at] + other[at]) / 2, (one[at] - other[at]) / 2];
        const bound = i === j ? 2e-7 : 1 / 65534 + 1e-6;
        assert.ok(Math.abs((first[at] + second[at]) / 2 - mean) <= bound * scale, `mean of ${i}, ${j}`);
        assert.ok(Math.abs((first[at] - second[at]) / 2 - difference) <= (i === j ? 2e-7 : 1 / 254 + 1e-6) * scale);
        assert.equal(first[at], first[j * n + i]);
      }
    checked++;
  }
  assert.equal(checked, 6);
  assert.throws(() => unpackHalves(new Uint8Array(4), 2), /4 bytes, 27 expected/);
});

test('packed halves of a matrix with a column of zeros have zeros there', () => {
  const [one, other] = unpackHalves(packHalves(Float32Array.of(4, 0, 0, 0), Float32Array.of(2, 0, 0, 0), 2), 2);
  assert.deepEqual(
    [[...one], [...other]],
    [
      [4, 0, 0, 0],
      [2, 0, 0, 0],
    ],
  );
});

/** X·Xᵀ of random numbers, [n, n]. */
function covariance(random: Random, n: number): Float32Array {
  const x = normals(random, n * 4, 1);
  return Float32Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return [0, 1, 2, 3].reduce((sum, k) => sum + x[4 * i + k] * x[4 * j + k], 0);
  });
}

test('records give back JSON and arrays of every kind, whatever their alignment', () => {
  const arrays = { a: Float32Array.of(1, 2, 3), b: new Float64Array(0), c: Uint8Array.of(7), d: Float64Array.of(-1.5) };
  const packed = packArrays({ value: { name: 'ä' }, arrays });
  for (const bytes of [packed, new Uint8Array([0, ...packed]).subarray(1)])
    assert.deepEqual(unpackArrays(bytes), { value: { name: 'ä' }, arrays });
  assert.throws(() => unpackArrays(packed.subarray(0, packed.length - 8)), /d ends behind/);
});

test('a kept measurement is what was measured, its factors to 1 % of their largest; opened anew it is the same', async () => {
  const { model, tokens, seed } = interruptible();
  const expected = await measureModel(kernels, model, tokens, { store: memoryStore(), seed });
  const entry = await openTestEntry(join(folder, 'whole'));
  const kept = await measureModel(kernels, model, tokens, { store: entryMeasurementStore(entry), seed });
  assert.deepEqual(kept.summaries, expected.summaries);
  let checked = 0;
  for (const { tensor, columns } of expected.summaries) {
    const [a, b] = [(await kept.read(tensor)).rounding[0], (await expected.read(tensor)).rounding[0]];
    assert.deepEqual(a.b, b.b);
    const largest = Math.max(...b.a);
    assert.ok(
      a.a.every((value, i) => Math.abs(value - b.a[i]) <= 1e-2 * largest),
      tensor,
    );
    assert.ok(
      Array.from({ length: columns }, (_, i) => i * columns + i).every((i) => close(a.a[i], b.a[i])),
      tensor,
    );
    checked++;
  }
  assert.equal(checked, expected.summaries.length);
  await entry.close();
  const again = await openTestEntry(join(folder, 'whole'));
  const found = await entryMeasurementStore(again).find(expected.key);
  assert.ok(found);
  await assertEqual(kept, found);
  await assert.rejects(found.read('blk.9.attn_q.weight'), /blk\.9\.attn_q\.weight was not measured/);
  await again.close();
});

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.abs(b);
}

test('a measurement killed with SIGKILL at several moments ends with the same factors', async () => {
  const { model, tokens, seed } = interruptible();
  const path = join(folder, 'killed');
  const script = fileURLToPath(new URL('./interruptible.ts', import.meta.url));
  let killed = 0;
  // In the forward pass; in the last block, behind the saved head; in the first block, behind the saved last one.
  for (const events of [3, 7, 5]) {
    const child = spawn(process.execPath, [script, path, String(events)], { stdio: 'ignore' });
    const signal = await new Promise((resolve) => child.on('exit', (_, name) => resolve(name)));
    if (signal === 'SIGKILL') killed++;
  }
  assert.ok(killed === 3, `${killed} runs were killed`);
  const entry = await openTestEntry(path);
  const resumed = await measureModel(kernels, model, tokens, { store: entryMeasurementStore(entry), seed });
  const undisturbed = await openTestEntry(join(folder, 'undisturbed'));
  const store = entryMeasurementStore(undisturbed);
  await assertEqual(await measureModel(kernels, model, tokens, { store, seed }), resumed);
  await entry.close();
  await undisturbed.close();
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
