import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { WindowShape } from '../../src/kernels/contract.ts';
import { windowLengths } from '../../src/kernels/windows.ts';
import { assertClose, assertSlopes, normal, type Operation, onEveryBuild, reference } from './support.ts';

const shape = (
  [images, height, width, channels]: [number, number, number, number],
  [kernel, stride, padding]: [number, number, number],
): WindowShape => ({ images, height, width, channels, kernel, stride, padding });

/** Every pixel once, overlapping, with gaps; padding up to kernel − 1; no image, no channel, one pixel. */
const shapes: WindowShape[] = [
  shape([0, 3, 3, 2], [2, 1, 0]),
  shape([1, 1, 1, 1], [1, 1, 0]),
  shape([1, 1, 1, 3], [3, 1, 2]),
  shape([2, 3, 5, 0], [2, 1, 1]),
  shape([2, 2, 3, 1], [2, 1, 0]),
  shape([1, 3, 2, 31], [2, 2, 1]),
  shape([2, 8, 8, 4], [2, 2, 0]),
  shape([1, 7, 9, 33], [3, 1, 1]),
  shape([3, 5, 31, 2], [3, 2, 1]),
  shape([1, 33, 6, 5], [5, 3, 4]),
  shape([2, 9, 9, 3], [1, 2, 0]),
  shape([1, 10, 11, 7], [2, 5, 1]),
];

/** Seeded shapes. */
function anyShape(random: Random): WindowShape {
  const kernel = 1 + random.integer(4);
  const [height, width] = [kernel + random.integer(8), kernel + random.integer(8)];
  const size: [number, number, number, number] = [random.integer(3), height, width, random.integer(34)];
  return shape(size, [kernel, 1 + random.integer(kernel + 1), random.integer(kernel)]);
}
const seeded = new Random(90);
const allShapes = [...shapes, ...Array.from({ length: 20 }, () => anyShape(seeded))];

const unfold =
  (s: WindowShape): Operation =>
  (on, x) => {
    const y = on.f32(windowLengths(s).patches).fill(9);
    on.unfold(x, y, s);
    return [y];
  };
const fold =
  (s: WindowShape): Operation =>
  (on, y) => {
    const x = on.f32(windowLengths(s).images).fill(9);
    on.fold(y, x, s);
    return [x];
  };
const maxPool =
  (s: WindowShape): Operation =>
  (on, x) => {
    const y = on.f32(windowLengths(s).pooled).fill(9);
    on.maxPool(x, y, s);
    return [y];
  };
const maxPoolBackward =
  (s: WindowShape): Operation =>
  (on, x, dy) => {
    const dx = on.f32(x.length).fill(9);
    on.maxPoolBackward(x, dy, dx, s);
    return [dx];
  };

test('unfold and maxPool equal the reference; fold and maxPoolBackward are within 1e-6 of it', async () => {
  const random = new Random(91);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const s of allShapes) {
      const { images, patches, pooled } = windowLengths(s);
      const label = JSON.stringify(s);
      const [x, y, dy] = [images, patches, pooled].map((length) => normal(random, length));
      if (images > 4) x.set([1e4, -0, 1e-40, 0]);
      assertClose(kernels, unfold(s), [x], 0, { label });
      assertClose(kernels, fold(s), [y], 1e-6, { label });
      assertClose(kernels, maxPool(s), [x], 0, { label });
      assertClose(kernels, maxPoolBackward(s), [x, dy], 1e-6, { label });
      cases++;
    }
  });
  assert.equal(cases, 3 * allShapes.length);
});

test('infinities, NaN and equal values in windows: pooling and its backward as the reference has them', async () => {
  const random = new Random(92);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const s of [shapes[6], shapes[7], shapes[8]]) {
      const { images, patches, pooled } = windowLengths(s);
      const x = normal(random, images).map((value) => Math.round(value));
      x.fill(-Infinity, 0, images / 4);
      x[images >> 1] = Number.NaN;
      x[(images >> 1) + 1] = Number.NaN;
      x[images - 1] = Infinity;
      const y = normal(random, patches);
      y[patches >> 1] = Number.NaN;
      y[0] = Infinity;
      assertClose(kernels, maxPool(s), [x], 0);
      assertClose(kernels, maxPoolBackward(s), [x, normal(random, pooled)], 1e-6);
      assertClose(kernels, unfold(s), [x], 0);
      assertClose(kernels, fold(s), [y], 1e-6);
      cases++;
    }
  });
  assert.equal(cases, 9);
});

test('unfold by hand: a 2 x 2 image under windows of 2 with padding 1', async () => {
  const s = shape([1, 2, 2, 1], [2, 2, 1]);
  const expected = [
    [0, 0, 0, 1],
    [0, 0, 2, 0],
    [0, 3, 0, 0],
    [4, 0, 0, 0],
  ].flat();
  const x = Float32Array.of(1, 2, 3, 4);
  assert.deepEqual([...unfold(s)(reference, x)[0]], expected);
  await onEveryBuild((kernels) => {
    assert.deepEqual([...unfold(s)(kernels, kernels.upload(x))[0]], expected);
    assert.deepEqual([...maxPool(s)(kernels, kernels.upload(x))[0]], [1, 2, 3, 4]);
  });
});

test('fold is the transpose of unfold: ⟨unfold x, y⟩ = ⟨x, fold y⟩ within 1e-6 of the sum of magnitudes', async () => {
  const random = new Random(93);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const s of allShapes) {
      const { images, patches } = windowLengths(s);
      const [x, y] = [normal(random, images), normal(random, patches)].map((array) => kernels.upload(array));
      const [[there], [back]] = [unfold(s)(kernels, x), fold(s)(kernels, y)];
      const left = there.reduce((sum, value, i) => sum + value * y[i], 0);
      const right = back.reduce((sum, value, i) => sum + value * x[i], 0);
      const size = there.reduce((sum, value, i) => sum + Math.abs(value * y[i]), 0);
      assert.ok(Math.abs(left - right) <= 1e-6 * size, `${left} and ${right}`);
      cases++;
    }
  });
  assert.equal(cases, 3 * allShapes.length);
});

test('fold and maxPoolBackward match finite differences within 1e-3', () => {
  const random = new Random(94);
  const s = shape([1, 4, 3, 2], [2, 1, 1]);
  const { images, patches, pooled } = windowLengths(s);
  let cases = assertSlopes(
    unfold(s),
    (on, _, dy) => fold(s)(on, dy),
    [normal(random, images)],
    normal(random, patches),
    1e-3,
  );
  cases += assertSlopes(maxPool(s), maxPoolBackward(s), [normal(random, images)], normal(random, pooled), 1e-3);
  assert.equal(cases, 48);
});

test('rejects windows that do not fit and arrays that are too short', async () => {
  await onEveryBuild((kernels) => {
    const x = kernels.f32(9);
    const small = shape([1, 3, 3, 1], [2, 1, 0]);
    assert.throws(() => kernels.maxPool(x, x, { ...small, kernel: 4 }), /none fits/);
    assert.throws(() => kernels.maxPool(x, x, { ...small, padding: 2 }), /padding of 2, expected 0 to 1/);
    assert.throws(() => kernels.fold(x, x, { ...small, stride: 0 }), /side and stride must be 1 or more/);
    assert.throws(() => kernels.unfold(x, x, small), /argument y has 9 values, its shape needs 16/);
    assert.throws(() => kernels.maxPoolBackward(x, x.subarray(6), x, small), /has 3 values, its shape needs 4/);
  });
});
