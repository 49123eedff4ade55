import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { decodeRows, format, formats, rowBytes } from '../../src/numeric/table.ts';
import type { NumberFormat } from '../../src/numeric/types.ts';
import { candidates, storable } from '../../src/quantize/candidates.ts';
import { gptq } from '../../src/quantize/rounding/gptq.ts';
import { nearest } from '../../src/quantize/rounding/nearest.ts';
import type { Curvature, Rounder, RoundingMethod } from '../../src/quantize/types.ts';
import { testKernels } from '../support/kernels.ts';

const kernels = await testKernels();

/** Inputs whose columns are correlated, as hidden states are: x = z·M with a decaying spectrum. */
function correlatedCurvature(columns: number, seed: number): Curvature {
  const random = new Random(seed);
  const samples = 2 * columns;
  const rank = columns / 8;
  const mixing = Float32Array.from({ length: rank * columns }, () => random.normal());
  const matrix = new Float32Array(columns * columns);
  for (let t = 0; t < samples; t++) {
    const x = Float32Array.from({ length: columns }, () => 0.3 * random.normal());
    for (let r = 0; r < rank; r++) {
      const z = random.normal();
      for (let j = 0; j < columns; j++) x[j] += (z * mixing[r * columns + j]) / Math.sqrt(rank);
    }
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++) matrix[i * columns + j] += (x[i] * x[j]) / samples;
  }
  return {
    columns,
    matrix,
    diagonal: Float32Array.from({ length: columns }, (_, j) => matrix[j * columns + j]),
    damping: 0.05,
  };
}

function loss(method: RoundingMethod, name: string, curvature: Curvature, weight: Float32Array): number {
  const { columns, matrix } = curvature;
  const rows = weight.length / columns;
  const target = format(name);
  const blocks = new Uint8Array(rows * (columns / target.blockSize) * target.blockBytes);
  method.prepare(kernels, curvature)(target, weight, blocks);
  const rounded = new Float32Array(weight.length);
  decodeRows(target, blocks, columns, rounded);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const di = weight[row * columns + i] - rounded[row * columns + i];
      for (let j = 0; j < columns; j++) {
        total += di * matrix![i * columns + j] * (weight[row * columns + j] - rounded[row * columns + j]);
      }
    }
  }
  return total;
}

test('weights that were decoded from a format are rounded to it without any loss, with feedback too', () => {
  const columns = 256;
  const random = new Random(21);
  const weight = Float32Array.from({ length: 6 * columns }, () => 0.05 * random.normal());
  const curvature = correlatedCurvature(columns, 22);
  let checked = 0;
  for (const { name, grid, points, blockSize, blockBytes } of formats.values()) {
    if ((grid ?? points) === undefined) continue;
    const blocks = new Uint8Array((weight.length / blockSize) * blockBytes);
    gptq.prepare(kernels, curvature)(format(name), weight, blocks);
    const once = decodeRows(format(name), blocks, columns);
    for (const method of [gptq, nearest])
      assert.equal(loss(method, name, curvature, once), 0, `${name}, ${method.name}`);
    checked++;
  }
  assert.ok(checked >= 25, `${checked} formats`);
});

test('feedback loses less than nearest rounding in every written block format, on correlated inputs', () => {
  const columns = 256;
  const rows = 6;
  const curvature = correlatedCurvature(columns, 1);
  const random = new Random(2);
  const weight = Float32Array.from({ length: rows * columns }, () => random.normal());
  const written = [...formats.values()].filter((f) => f.blockSize > 1 && f.encodeBlocks !== undefined);
  for (const { name } of written) {
    const withFeedback = loss(gptq, name, curvature, weight);
    const plain = loss(nearest, name, curvature, weight);
    assert.ok(withFeedback < 0.8 * plain, `${name}: ${withFeedback} with feedback, ${plain} without`);
  }
  assert.ok(written.length >= 25, `${written.length} formats`);
});

test('without correlations feedback has nothing to correct: its loss is within 1 % of nearest', () => {
  const columns = 256;
  const matrix = new Float32Array(columns * columns);
  for (let j = 0; j < columns; j++) matrix[j * columns + j] = 1;
  const curvature = { columns, matrix, diagonal: new Float32Array(columns).fill(1), damping: 0.05 };
  const random = new Random(3);
  const weight = Float32Array.from({ length: 4 * columns }, () => random.normal());
  for (const name of ['Q4_0', 'Q4_K', 'Q6_K']) {
    const ratio = loss(gptq, name, curvature, weight) / loss(nearest, name, curvature, weight);
    assert.ok(Math.abs(ratio - 1) < 0.01, `${name}: ${ratio}`);
  }
});

test('w·H·qᵀ of every row is w·H·wᵀ within 0.2 % at two and three bits', () => {
  const columns = 256;
  const rows = 6;
  const curvature = correlatedCurvature(columns, 3);
  const random = new Random(3);
  const weight = Float32Array.from({ length: rows * columns }, () => random.normal());
  let checked = 0;
  for (const name of ['Q2_K', 'Q3_K', 'IQ2_XXS', 'IQ3_S']) {
    const target = format(name);
    const blocks = new Uint8Array(rows * target.blockBytes);
    gptq.prepare(kernels, curvature)(target, weight, blocks);
    const rounded = decodeRows(target, blocks, columns);
    for (let row = 0; row < rows; row++) {
      let [whole, kept] = [0, 0];
      for (let i = 0; i < columns; i++) {
        for (let j = 0; j < columns; j++) {
          const image = weight[row * columns + i] * curvature.matrix![i * columns + j];
          whole += image * weight[row * columns + j];
          kept += image * rounded[row * columns + j];
        }
      }
      assert.ok(Math.abs(kept / whole - 1) < 2e-3, `${name} row ${row}: ${kept / whole}`);
      checked++;
    }
  }
  assert.equal(checked, 24);
});

test('a rounder that serves several formats and weights in turn gives the bytes of fresh ones', () => {
  const columns = 256;
  const rows = 5;
  const curvature = correlatedCurvature(columns, 7);
  const random = new Random(8);
  const weights = [0, 1].map(() => Float32Array.from({ length: rows * columns }, () => random.normal()));
  const shared = gptq.prepare(kernels, curvature);
  const bytes = (round: Rounder, target: NumberFormat, weight: Float32Array) => {
    const blocks = new Uint8Array(rows * rowBytes(target, columns));
    round(target, weight, blocks);
    return blocks;
  };
  let checked = 0;
  for (const name of ['Q4_K', 'IQ2_S', 'Q4_0']) {
    for (const weight of weights) {
      const fresh = bytes(gptq.prepare(kernels, curvature), format(name), weight);
      assert.deepEqual(bytes(shared, format(name), weight), fresh, name);
      checked++;
    }
  }
  assert.equal(checked, 6);
});

test('a matrix of zeros and a column that no input reaches are rounded without harm', () => {
  const columns = 32;
  const curvature = correlatedCurvature(columns, 4);
  for (let i = 0; i < columns; i++) curvature.matrix![5 * columns + i] = curvature.matrix![i * columns + 5] = 0;
  curvature.diagonal[5] = 0;
  const random = new Random(5);
  assert.equal(loss(gptq, 'Q4_0', curvature, new Float32Array(3 * columns)), 0);
  const weight = Float32Array.from({ length: 3 * columns }, () => random.normal());
  assert.ok(Number.isFinite(loss(gptq, 'Q4_0', curvature, weight)));
});

test('formats that only recent runtimes load are candidates where the palette names them, and nowhere else', () => {
  const byDefault = candidates({ columns: 512 }).map(({ name }) => name);
  assert.ok(byDefault.includes('Q2_K') && byDefault.includes('MXFP4'));
  assert.ok(!byDefault.includes('Q2_0'));
  assert.deepEqual(
    candidates({ columns: 512 }, ['Q4_0', 'Q2_0']).map(({ name }) => name),
    ['Q2_0', 'Q4_0'],
  );
});

test('rows that K-quants do not divide get the cheapest format with at least their bits', () => {
  assert.equal(storable(format('Q4_K'), { columns: 512 }).name, 'Q4_K');
  assert.equal(storable(format('Q4_K'), { columns: 576 }).blockSize, 32);
  assert.equal(storable(format('Q4_K'), { columns: 7 }).blockSize, 1);
  assert.ok(candidates({ columns: 576 }).every(({ blockSize }) => 576 % blockSize === 0));
});
