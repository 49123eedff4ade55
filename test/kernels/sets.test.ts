import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { entry } from '../../src/numeric/registry.ts';
import { onEveryBuild } from './support.ts';

/** Rows and columns that leave short blocks, groups that fill no vector, and shares that are not equal. */
const SHAPES: readonly (readonly [format: string, rows: number, columns: number])[] = [
  ['TRELLIS_1.50', 3, 32],
  ['TRELLIS_1.75', 3, 288],
  ['TRELLIS_3.25', 1, 544],
  ['E8P', 5, 8],
  ['E8P_LATTICE', 3, 72],
  ['E8P_RVQ3', 2, 1048],
  ['E8P_RVQ4', 7, 40],
  ['ADDITIVE_1x8_G4', 1, 36],
  ['ADDITIVE_2x8_G8', 7, 408],
  ['ADDITIVE_3x8_G8', 3, 8],
  ['BINARY_X2', 5, 128],
  ['BINARY_X3', 1, 1152],
  ['TRIT_PLANES', 3, 384],
];

test('values chosen together are encoded on kernels to the bytes of their definition, in any shape, on every build', async () => {
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [name, rows, columns] of SHAPES) {
      const random = new Random(3).fork(name);
      const values = Float32Array.from({ length: rows * columns }, () => random.normal() ** 3);
      const importance = Float32Array.from({ length: columns }, () => Math.exp(random.normal()));
      const { tensor } = entry(name);
      const expected = tensor.encode(values, columns, importance);
      const before = kernels.memory().used;
      assert.deepEqual(tensor.encode(values, columns, importance, kernels), expected, `${kernels.name}, ${name}`);
      assert.equal(kernels.memory().used, before);
      cases++;
    }
  });
  assert.equal(cases, 3 * SHAPES.length);
});

test('rows of zeros stay zeros beside others', async () => {
  await onEveryBuild((kernels) => {
    for (const name of ['E8P_RVQ4', 'TRELLIS_2.00']) {
      const values = Float32Array.from({ length: 4 * 64 }, (_, i) => (i < 64 || i >= 192 ? 0 : Math.sin(i)));
      const { tensor } = entry(name);
      const decoded = new Float32Array(values.length);
      tensor.decode(tensor.encode(values, 64, undefined, kernels), 64, decoded);
      assert.ok(
        decoded.every((value, i) => (value === 0) === (values[i] === 0)),
        name,
      );
    }
  });
});

test('refuses arrays of other lengths, and searches that are too large', async () => {
  const four = new Float32Array(4);
  await onEveryBuild((kernels) => {
    const books = { size: 4, words: new Float32Array(1024) };
    const codes = new Uint8Array(1);
    assert.throws(
      () => kernels.nearestSums({ books, beam: 1, x: new Float32Array(8), w: four, codes }),
      /nearestSums of 8 values got an array for 4/,
    );
    assert.throws(() => kernels.nearestSums({ books, beam: 5, x: four, w: four, codes }), /5 sums of 1 words of 4/);
    const sums = { digits: 2, planes: 3 } as const;
    const values = new Float32Array(128);
    assert.throws(
      () => kernels.searchPlanes({ sums, values, importance: undefined, scales: new Float64Array(6) }),
      /searchPlanes of 128 values got an array for 256/,
    );
  });
});
