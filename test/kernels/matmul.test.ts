import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { assertClose, awkwardLengths, normal, type Operation, onEveryBuild, reference } from './support.ts';

const products = ['matmulNT', 'matmulNN', 'matmulTN'] as const;

/** [m, n, k]: every awkward length in every place, around tiles (6 × 8), panels (96, 256) and passes (512). */
const shapes: [number, number, number][] = [
  ...awkwardLengths.map((n): [number, number, number] => [3, n, 5]),
  ...awkwardLengths.map((n): [number, number, number] => [n, 9, 6]),
  ...awkwardLengths.map((n): [number, number, number] => [5, 9, n]),
  ...awkwardLengths.map((n): [number, number, number] => [1, n, 33]),
  ...awkwardLengths.map((n): [number, number, number] => [2, 7, n]),
  [65, 257, 33],
  [100, 264, 9],
  [6, 31, 513],
  [4, 8, 1025],
];

test('products are within 3e-6·√k of the reference for standard normal values', async () => {
  const random = new Random(1);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [m, n, k] of shapes) {
      for (const product of products) {
        for (const accumulate of [false, true]) {
          const operation: Operation = (on, x, w, y) => {
            on[product](x, w, y, m, n, k, accumulate);
            return [y];
          };
          const inputs = [normal(random, m * k), normal(random, n * k), normal(random, m * n)];
          // A sum of k products of standard normal values has the size √k.
          const label = `${product} ${[m, n, k]} ${accumulate}`;
          assertClose(kernels, operation, inputs, 3e-6, { floor: Math.sqrt(k), label });
          cases++;
        }
      }
    }
  });
  assert.equal(cases, 3 * shapes.length * 6);
});

test('a product of nothing is zero', async () => {
  await onEveryBuild((kernels) => {
    const y = kernels.f32(6).fill(7);
    kernels.matmulNT(kernels.f32(0), kernels.f32(0), y, 2, 3, 0);
    assert.deepEqual([...y], [0, 0, 0, 0, 0, 0]);
  });
});

test('non-finite values and denormals reach exactly their row and column of a product', async () => {
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const value of [Infinity, -Infinity, Number.NaN, 1e-40, 1e30]) {
      for (const [m, n, k] of [
        [1, 9, 17],
        [6, 13, 7],
      ]) {
        const x = new Float32Array(m * k).fill(1);
        x[k - 1] = value;
        const operation: Operation = (on, a, w, y) => {
          on.matmulNT(a, w, y, m, n, k);
          return [y];
        };
        assertClose(kernels, operation, [x, new Float32Array(n * k).fill(1), new Float32Array(m * n)], 1e-6);
        cases++;
      }
    }
  });
  assert.equal(cases, 30);
});

test('gram is within 4e-6·√t of the reference and exactly symmetric', async () => {
  const random = new Random(2);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [t, n] of [
      [1, 1],
      [1, 257],
      [5, 33],
      [64, 31],
      [33, 300],
      [513, 65],
      [700, 8],
    ]) {
      for (const weighted of [false, true]) {
        const operation: Operation = (on, x, weight, a) => {
          on.gram(x, weighted ? weight : undefined, a, t, n);
          return [a];
        };
        const before = new Float32Array(n * n);
        reference.gram(normal(random, 3 * n), undefined, before, 3, n);
        const inputs = [normal(random, t * n), normal(random, t), before];
        assertClose(kernels, operation, inputs, 4e-6, { floor: Math.sqrt(t + 3), label: `gram ${t} ${n}` });
        const [a] = operation(kernels, ...inputs.map((input) => kernels.upload(input)));
        assert.ok(
          a.every((value, at) => value === a[(at % n) * n + Math.floor(at / n)]),
          'not symmetric',
        );
        cases++;
      }
    }
  });
  assert.equal(cases, 42);
});

test('a short array is refused, and one of other memory', async () => {
  await onEveryBuild((kernels) => {
    const [x, w, y] = [kernels.f32(6), kernels.f32(6), kernels.f32(3)];
    assert.throws(() => kernels.matmulNT(x, w, y, 2, 2, 3), /argument y has 3 values, its shape needs 4/);
    assert.throws(() => kernels.matmulNT(x, w, new Float32Array(4), 2, 2, 3), /not in the memory of the kernels/);
  });
});
