import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, observe, relativeDifference, relativeDifferenceEach } from '../../bench/commits/arrays.ts';
import { pairwise, product } from '../../bench/commits/pairwise.ts';
import { jointRatios, medianRatio } from '../../bench/commits/ratio.ts';
import { speedCells } from '../../bench/commits/speed.ts';
import { Random } from '../../src/core/random.ts';

const FACTORS = { a: [0, 1, 2, 3], b: [0, 1, 2, 3, 4], c: ['x', 'y', 'z'], d: [1, 2], e: [false, true] } as const;

/** Pairs of values of two factors that occur in some cell. */
function pairsIn(cells: readonly Readonly<Record<string, unknown>>[]): Set<string> {
  const entries = cells.map((cell) => Object.entries(cell));
  return new Set(
    entries.flatMap((cell) => cell.flatMap((one, i) => cell.slice(i + 1).map((other) => JSON.stringify([one, other])))),
  );
}

test('a pairwise design has every pair of all cells in at most 1.3 times the fewest cells possible', () => {
  const cells = pairwise(FACTORS);
  assert.deepEqual(pairsIn(cells), pairsIn(product(FACTORS)));
  assert.equal(product(FACTORS).length, 4 * 5 * 3 * 2 * 2);
  assert.ok(cells.length >= 20 && cells.length <= 26, `${cells.length} cells`);
});

test('a pairwise design has no cell that is not allowed, and every pair that an allowed cell has', () => {
  const allowed = ({ a, c }: { a: number; c: string }) => a < 2 || c !== 'z';
  const cells = pairwise(FACTORS, allowed);
  assert.ok(cells.every(allowed));
  assert.deepEqual(pairsIn(cells), pairsIn(product(FACTORS).filter(allowed)));
});

test('speed is compared in 20 to 26 cells, each model in both its contexts', () => {
  assert.ok(speedCells.length >= 20 && speedCells.length <= 26, `${speedCells.length} cells`);
  assert.equal(new Set(speedCells.map(({ place }) => place)).size, 4);
});

test('limits of a median hold in 95 to 99 % of 2000 samples of 20 skewed ratios', () => {
  const random = new Random(1);
  let [above, below] = [0, 0];
  for (let sample = 0; sample < 2000; sample++) {
    const { lower, upper } = medianRatio(Array.from({ length: 20 }, () => 1.1 * Math.exp(random.normal() ** 3)));
    if (upper >= 1.1) above++;
    if (lower <= 1.1) below++;
  }
  for (const held of [above, below]) assert.ok(held >= 0.95 * 2000 && held <= 0.99 * 2000, `${held} of 2000`);
});

test('limits of a median are order statistics: 15th of 20, and none of 4', () => {
  const ratios = Array.from({ length: 20 }, (_, i) => i + 1);
  assert.equal(medianRatio(ratios.toReversed()).upper, 15);
  assert.equal(medianRatio(ratios).lower, 6);
  assert.equal(medianRatio([1, 2, 3, 4]).upper, Infinity);
  assert.equal(medianRatio([1, 2, 3, 4]).lower, 0);
});

test('joint ratios are geometric means over cells, pair by pair', () => {
  assert.deepEqual(
    jointRatios([
      [1, 2],
      [4, 8],
    ]).map((ratio) => Number(ratio.toFixed(12))),
    [2, 4],
  );
});

test('a relative difference is of the largest value, and infinite where one side alone is finite', () => {
  assert.equal(relativeDifference(Float32Array.of(1, -8, 2), Float32Array.of(1, -8, 4)), 0.25);
  assert.equal(relativeDifference(Float32Array.of(1, NaN), Float32Array.of(1, NaN)), 0);
  assert.equal(relativeDifference(Float32Array.of(1, NaN), Float32Array.of(1, 0)), Infinity);
  assert.equal(relativeDifference(Float32Array.of(0), Float32Array.of(1)), Infinity);
  assert.equal(relativeDifference(Float64Array.of(0), Float64Array.of(-0)), 0);
  assert.equal(relativeDifferenceEach(Float64Array.of(1e6, 4, 0), Float64Array.of(1e6 + 1, 5, -0)), 0.25);
});

test('digests differ by one bit of a value, by the type, and by the names of numbers', () => {
  const digest = (value: unknown) => digestOf(observe(value)).sha256;
  assert.equal(digest({ loss: 1, of: ['Q4_K'] }), digest({ loss: 1, of: ['Q4_K'] }));
  assert.notEqual(digest({ loss: 1 }), digest({ loss: 1 + Number.EPSILON }));
  assert.notEqual(digest({ loss: 1 }), digest({ gain: 1 }));
  assert.notEqual(digest({ loss: 1, of: 'Q4_K' }), digest({ loss: 1, of: 'Q4_0' }));
  assert.deepEqual(Array.from(observe({ b: 2, list: Float32Array.of(3, 4) }).values), [2, 3, 4]);
  const values = Float32Array.of(1, 2);
  assert.notEqual(digestOf({ values }).sha256, digestOf({ values: Float64Array.from(values) }).sha256);
});
