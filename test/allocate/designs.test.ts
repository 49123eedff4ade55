import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Design, design } from '../../src/allocate/designs.ts';
import { Random } from '../../src/core/random.ts';

/** Mean over coordinates of the largest distance between the empirical and the uniform distribution. */
function unevenness(points: readonly Float64Array[]): number {
  const dimensions = points[0].length;
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    const sorted = points.map((point) => point[d]).sort((a, b) => a - b);
    sum += Math.max(...sorted.map((x, i) => Math.max((i + 1) / sorted.length - x, x - i / sorted.length)));
  }
  return sum / dimensions;
}

test('sobol and scrambled: every coordinate has one point in each of 64 cells, in 300 dimensions', () => {
  let coordinates = 0;
  for (const kind of ['sobol', 'scrambled'] as const) {
    const points = design(kind, 64, 300, new Random(1));
    for (let d = 0; d < 300; d++, coordinates++)
      assert.equal(new Set(points.map((point) => Math.floor(64 * point[d]))).size, 64, `${kind} ${d}`);
  }
  assert.equal(coordinates, 600);
});

test('sobol: pairs of the first dimensions fill all 8 × 8 squares', () => {
  const points = design('sobol', 256, 4, new Random(1));
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [0, 3],
  ])
    assert.equal(new Set(points.map((p) => 8 * Math.floor(8 * p[a]) + Math.floor(8 * p[b]))).size, 64);
});

test('all designs stay in the cube, repeat for a seed, and are more even than random', () => {
  const random = unevenness(design('random', 128, 20, new Random(3)));
  let cases = 0;
  for (const kind of ['random', 'sobol', 'scrambled', 'lattice'] satisfies Design[]) {
    const points = design(kind, 128, 20, new Random(3));
    assert.equal(points.length, 128);
    assert.ok(points.every((point) => point.every((x) => x >= 0 && x < 1)));
    assert.deepEqual(design(kind, 128, 20, new Random(3)), points);
    if (kind !== 'random')
      assert.ok(unevenness(points) < 0.5 * random, `${kind}: ${unevenness(points)}, random ${random}`);
    cases++;
  }
  assert.equal(cases, 4);
});
