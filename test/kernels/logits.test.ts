import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Kernels } from '../../src/kernels/contract.ts';
import { assertClose, awkwardLengths, normal, type Operation, onEveryBuild, reference } from './support.ts';

const logSoftmax =
  (n: number): Operation =>
  (on, x) => {
    on.logSoftmax(x, n);
    return [x];
  };

const sampledScore =
  (n: number): Operation =>
  (on, logits, uniform, probability) => {
    const curvature = on.f32(uniform.length);
    on.sampledScore(logits, uniform, curvature, probability, n);
    return [logits, curvature, probability];
  };

function compare(on: Kernels, p: Float32Array, q: Float32Array, labels: Int32Array, n: number): Float32Array[] {
  const result = {
    kl: on.f32(labels.length),
    nllP: on.f32(labels.length),
    nllQ: on.f32(labels.length),
    agree: on.f32(labels.length),
  };
  on.compareLogits(p, q, labels, n, result);
  return [result.kl, result.nllP, result.nllQ, result.agree];
}
const compareLogits =
  (n: number, labels: number[]): Operation =>
  (on, p, q) => {
    const array = on.i32(labels.length);
    array.set(labels);
    return compare(on, p, q, array, n);
  };

const lengths = [...awkwardLengths, 1000];

test('logSoftmax is within 1e-6 of the reference, ±Inf and outliers included', async () => {
  const random = new Random(13);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      const x = normal(random, 3 * n).map((value) => 5 * value);
      x[n] = 1000;
      x[2 * n] = -Infinity;
      x[3 * n - 1] = -1e30;
      assertClose(kernels, logSoftmax(n), [x], 1e-6, { label: `n ${n}` });
      cases++;
    }
    assertClose(kernels, logSoftmax(2), [Float32Array.of(Number.NaN, 1, 2, 3)], 1e-6, { label: 'NaN' });
  });
  assert.equal(cases, 3 * lengths.length);
});

test('sampledScore is within 1e-6 of the reference and draws the same labels', async () => {
  const random = new Random(14);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      const logits = normal(random, 5 * n).map((value) => 3 * value);
      const uniform = Float32Array.of(0, 0.25, 0.5, 0.9, 1 - 2 ** -24);
      assertClose(kernels, sampledScore(n), [logits, uniform, normal(random, n)], 1e-6, { label: `n ${n}` });
      cases++;
    }
  });
  assert.equal(cases, 3 * lengths.length);
});

test('sampledScore draws labels with their probabilities, within 4 standard deviations', () => {
  const random = new Random(15);
  const [rows, n] = [4000, 5];
  const logits = Float32Array.from({ length: rows * n }, (_, i) => [0, 1, -1, 2, 0.5][i % n]);
  const uniform = Float32Array.from({ length: rows }, () => random.uniform());
  const probability = new Float32Array(n);
  reference.sampledScore(logits, uniform, new Float32Array(rows), probability, n);
  for (let i = 0; i < n; i++) {
    // Mean of onehot − p is zero.
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += logits[row * n + i];
    const p = probability[i] / rows;
    assert.ok(Math.abs(sum) < 4 * Math.sqrt(rows * p * (1 - p)), `entry ${i}: ${sum}`);
  }
});

test('compareLogits is within 2e-6 of the reference, relative down to divergences of 1e-9', async () => {
  const random = new Random(16);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      for (const distance of [3, 0.3, 1e-2, 1e-4]) {
        const p = normal(random, 4 * n).map((value) => 3 * value);
        const q = p.map((value) => value + distance * random.normal());
        const labels = [-1, 0, n - 1, n >> 1];
        const floor = distance ** 2;
        const operation: Operation = (on, a, b) => compareLogits(n, labels)(on, a, b).slice(0, 1);
        // Logits near 10 are rounded to 1e-6, which a distance of 1e-4 sees.
        assertClose(kernels, operation, [p, q], distance < 1e-3 ? 1e-2 : 1e-4, { floor, label: `kl ${n} ${distance}` });
        const rest: Operation = (on, a, b) => compareLogits(n, labels)(on, a, b).slice(1);
        assertClose(kernels, rest, [p, q], 2e-6, { label: `nll ${n} ${distance}` });
        cases++;
      }
    }
  });
  assert.equal(cases, 3 * 4 * lengths.length);
});

test('compareLogits of impossible entries: finite where only p excludes one, infinite where only q does', async () => {
  await onEveryBuild((kernels) => {
    const n = 5;
    const p = kernels.upload(Float32Array.of(0, 1, -Infinity, 2, 0, 0, 1, 1, 2, 0));
    const q = kernels.upload(Float32Array.of(0, 1, 1, 2, 0, 0, 1, -Infinity, 2, 0));
    const labels = kernels.i32(2);
    const found = compare(kernels, p, q, labels, n);
    const expected = compare(reference, p.slice(), q.slice(), labels.slice(), n);
    assert.ok(Math.abs(found[0][0] - expected[0][0]) < 1e-6);
    assert.equal(found[0][1], Infinity);
    assert.equal(expected[0][1], Infinity);
    assert.throws(() => compare(kernels, p, q, labels.fill(n), n), /a label beyond 5 entries/);
  });
});
