import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { price, sampleRows } from '../../src/measure/price.ts';
import type { KroneckerTerm } from '../../src/measure/types.ts';
import { normals } from './support.ts';

const kernels = createReferenceKernels();

function takeRows(from: Float32Array, rows: ArrayLike<number>, columns: number, to: Float32Array): void {
  for (let r = 0; r < rows.length; r++) to.set(from.subarray(rows[r] * columns, (rows[r] + 1) * columns), r * columns);
}

function randomTerm(random: Random, rows: number, columns: number): KroneckerTerm {
  const samples = normals(random, 3 * columns * columns, 1);
  const a = new Float32Array(columns * columns);
  kernels.gram(samples, undefined, a, 3 * columns, columns);
  const b = normals(random, rows, 1).map((value) => value * value);
  const total = b.reduce((sum, value) => sum + value, 0);
  return { a, b: b.map((value) => value / total) };
}

test('price equals ½·Σ_i b_i·δ_i·A·δ_iᵀ summed over terms to 1e-5', () => {
  const random = new Random(1);
  const [rows, columns] = [7, 5];
  const terms = [randomTerm(random, rows, columns), randomTerm(random, rows, columns)];
  const delta = normals(random, rows * columns, 1);
  let expected = 0;
  for (const { a, b } of terms)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let k = 0; k < columns; k++)
          expected += 0.5 * b[i] * delta[i * columns + j] * a[j * columns + k] * delta[i * columns + k];
  const found = price(kernels, terms, delta);
  assert.ok(Math.abs(found.price / expected - 1) < 1e-5);
  assert.equal(found.standardError, 0);
});

test('the price of sampled rows lies within 3 standard errors of the whole in at least 90 of 100 samples', () => {
  const random = new Random(2);
  const [rows, columns, sampled] = [400, 8, 60];
  const terms = [randomTerm(random, rows, columns)];
  const delta = normals(random, rows * columns, 1);
  const whole = price(kernels, terms, delta).price;
  let inside = 0;
  let meanError = 0;
  for (let trial = 0; trial < 100; trial++) {
    const chosen = random.shuffle([...Array(rows).keys()]).slice(0, sampled);
    const part = new Float32Array(sampled * columns);
    takeRows(delta, chosen, columns, part);
    const found = price(kernels, terms, part, Int32Array.from(chosen));
    if (Math.abs(found.price - whole) < 3 * found.standardError) inside++;
    meanError += found.standardError / whole / 100;
  }
  assert.ok(inside >= 90, `${inside} inside`);
  assert.ok(meanError < 0.2, `mean relative error ${meanError}`);
});

test('rows sampled by share price a head with a Zipf distribution to 15 % where an even sample errs by more', () => {
  const random = new Random(4);
  const [rows, columns, sampled] = [5000, 8, 100];
  const { a } = randomTerm(random, 1, columns);
  const b = Float32Array.from(random.shuffle([...Array(rows).keys()]), (place) => 1 / (place + 1));
  const terms = [{ a, b }];
  const delta = normals(random, rows * columns, 1);
  const whole = price(kernels, terms, delta).price;
  const error = (index: Int32Array, inclusion?: Float64Array): number => {
    const part = new Float32Array(index.length * columns);
    takeRows(delta, index, columns, part);
    return Math.abs(price(kernels, terms, part, index, inclusion).price / whole - 1);
  };
  const { index, inclusion } = sampleRows(terms, sampled);
  assert.ok(Math.abs(index.length - sampled) <= 1, `${index.length} rows`);
  assert.ok(error(index, inclusion) < 0.15, `by share: ${error(index, inclusion)}`);
  const even = Int32Array.from({ length: sampled }, (_, i) => Math.floor(((i + 0.5) * rows) / sampled));
  assert.ok(error(even) > error(index, inclusion), `even: ${error(even)}`);
});

test('a sample of all rows is the whole matrix', () => {
  const { index, inclusion } = sampleRows([randomTerm(new Random(5), 7, 3)], 10);
  assert.deepEqual([...index], [0, 1, 2, 3, 4, 5, 6]);
  assert.ok(inclusion.every((value) => value === 1));
});
