import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { createReferenceKernels } from '../../src/kernels/reference/index.ts';
import { price } from '../../src/measure/price.ts';
import type { KroneckerTerm } from '../../src/measure/types.ts';
import { normals } from './support.ts';

const kernels = createReferenceKernels();

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
    chosen.forEach((row, r) => part.set(delta.subarray(row * columns, (row + 1) * columns), r * columns));
    const found = price(kernels, terms, part, Int32Array.from(chosen));
    if (Math.abs(found.price - whole) < 3 * found.standardError) inside++;
    meanError += found.standardError / whole / 100;
  }
  assert.ok(inside >= 90, `${inside} inside`);
  assert.ok(meanError < 0.2, `mean relative error ${meanError}`);
});
