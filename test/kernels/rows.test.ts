import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import {
  assertClose,
  assertSlopes,
  awkwardLengths,
  normal,
  type Operation,
  onEveryBuild,
  reference,
  special,
} from './support.ts';

const meanRows =
  (count: number, columns: number): Operation =>
  (on, x) => {
    const y = on.f32(x.length / count).fill(9);
    on.meanRows(x, count, y, columns);
    return [y];
  };
const meanRowsBackward =
  (count: number, columns: number): Operation =>
  (on, dy) => {
    const dx = on.f32(dy.length * count).fill(9);
    on.meanRowsBackward(dy, count, dx, columns);
    return [dx];
  };

test('meanRows is within 1e-7 of the reference and its backward equals it, special values included', async () => {
  const random = new Random(81);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const columns of [0, ...awkwardLengths]) {
      for (const count of [1, 2, 3, 31, 33]) {
        const x = normal(random, 2 * count * columns);
        if (columns > 1) x.set([1e6, 1e-40]);
        const label = `${count} rows of ${columns}`;
        assertClose(kernels, meanRows(count, columns), [x], 1e-7, { label });
        assertClose(kernels, meanRowsBackward(count, columns), [normal(random, 3 * columns)], 0, { label });
        cases++;
      }
    }
    const odd = Float32Array.from([...special, ...special.toReversed()]);
    assertClose(kernels, meanRows(2, special.length), [odd], 1e-7, { label: 'special' });
    assertClose(kernels, meanRowsBackward(3, special.length), [odd], 0, { label: 'special' });
  });
  assert.equal(cases, 3 * (awkwardLengths.length + 1) * 5);
});

test('meanRowsBackward matches finite differences within 1e-3', () => {
  const random = new Random(82);
  const backward: Operation = (on, _, dy) => meanRowsBackward(3, 4)(on, dy);
  assert.equal(assertSlopes(meanRows(3, 4), backward, [normal(random, 24)], normal(random, 8), 1e-3), 24);
});

const roundToBits =
  (bits: number): Operation =>
  (on, x) => {
    const y = on.f32(x.length).fill(9);
    on.roundToBits(x, bits, y);
    on.roundToBits(x, bits, x);
    return [y, x];
  };

/** Halves of steps, tiny and huge values, zeros of both signs, a group with an infinity and one with NaN. */
function oddGroups(random: Random): Float32Array {
  const x = normal(random, 8 * 32 + 5);
  for (let i = 0; i < 32; i++) x[32 + i] = (i - 16) / 2;
  for (let i = 0; i < 32; i++) x[64 + i] = (i - 16) * 1e-41;
  x.fill(0, 96, 128);
  x.fill(-0, 100, 104);
  x.set([1e30, -1e-30, 0.5, -0.5], 128);
  x[161] = Infinity;
  x[199] = Number.NaN;
  x.fill(-0, 256);
  return x;
}

test('roundToBits has the bits of the reference, in place too', async () => {
  const random = new Random(83);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const bits of [2, 3, 4, 6, 8, 15, 16, 32]) {
      for (const x of [...[0, ...awkwardLengths].map((n) => normal(random, n)), oddGroups(random)]) {
        const found = roundToBits(bits)(kernels, kernels.upload(x));
        const expected = roundToBits(bits)(reference, x.slice());
        found.forEach((values, o) => {
          values.forEach((value, i) => {
            assert.ok(Object.is(value, expected[o][i]), `${bits} bits of ${x[i]}: ${value}, not ${expected[o][i]}`);
          });
        });
        cases++;
      }
    }
    assert.throws(() => kernels.roundToBits(kernels.f32(3), 1, kernels.f32(3)), /got 1 bits/);
    assert.throws(() => kernels.roundToBits(kernels.f32(3), 4, kernels.f32(2)), /has 2 values/);
    assert.throws(() => kernels.meanRows(kernels.f32(3), 2, kernels.f32(2), 1), /has 3 values, its shape needs 4/);
    assert.throws(() => kernels.meanRowsBackward(kernels.f32(3), 0, kernels.f32(2), 1), /a mean of 0 rows/);
  });
  assert.equal(cases, 3 * 8 * (awkwardLengths.length + 2));
});

test('roundToBits keeps values that lie on its grid, and changes others', () => {
  const grid = Float32Array.from({ length: 32 }, (_, i) => (i % 15) - 7);
  assert.deepEqual(roundToBits(4)(reference, grid.slice())[0], grid);
  const x = normal(new Random(84), 64);
  const [rounded] = roundToBits(4)(reference, x.slice());
  assert.ok(rounded.some((value, i) => Math.abs(value - x[i]) > 0.05));
  for (const start of [0, 32]) assert.ok(new Set(rounded.subarray(start, start + 32)).size <= 15);
});
