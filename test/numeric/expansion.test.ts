import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addExpansions,
  expansionOf,
  expansionValue,
  fastTwoSum,
  grow,
  LARGEST_BF16,
  roundBF16,
  twoSum,
} from '../../src/numeric/expansion.ts';
import { entry } from '../../src/numeric/registry.ts';

const RUNS = 2000;
const SEED = 5;
/** 8 significant bits at exponents whose sums a double holds exactly. */
const bf16 = (span: number) =>
  fc.tuple(fc.integer({ min: -255, max: 255 }), fc.integer({ min: -span, max: span })).map(([m, e]) => m * 2 ** e);

function isNormalized(parts: readonly number[]): boolean {
  return parts.every((part, i) => i === 0 || roundBF16(parts[i - 1] + part) === parts[i - 1]);
}

test('two-sum: sum is the rounded one and sum + error the exact one; Dekker’s form agrees where |a| ≥ |b|', () => {
  fc.assert(
    fc.property(bf16(20), bf16(20), (a, b) => {
      const [sum, error] = twoSum(a, b);
      assert.equal(sum, roundBF16(a + b));
      assert.equal(sum + error, a + b);
      assert.equal(error, roundBF16(error));
      const [large, small] = Math.abs(a) >= Math.abs(b) ? [a, b] : [b, a];
      assert.deepEqual(fastTwoSum(large, small), [sum, error]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

test('rounding to bfloat16: nearest, ties to even, overflow to Inf from the midpoint on', () => {
  for (const [value, expected] of [
    [1 + 2 ** -8, 1],
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
    [LARGEST_BF16, LARGEST_BF16],
    [LARGEST_BF16 + 2 ** 118, LARGEST_BF16],
    [LARGEST_BF16 + 2 ** 119, Infinity],
    [2 ** -133, 2 ** -133],
    [2 ** -134, 0],
  ])
    assert.equal(roundBF16(value), expected);
  assert.ok(Number.isNaN(roundBF16(Number.NaN)));
});

test('three components hold every float32 from 2^-110 up, two are within 2^-17 of it', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true }).filter((x) => Math.abs(x) > 2 ** -110);
  fc.assert(
    fc.property(float, (x) => {
      const three = expansionOf(x, 3);
      assert.ok(isNormalized(three) || Math.abs(x) > LARGEST_BF16, `${three}`);
      assert.equal(expansionValue(three), x);
      const bound = Math.abs(x) > LARGEST_BF16 ? 2 ** -16 : 2 ** -17;
      assert.ok(Math.abs(expansionValue(expansionOf(x, 2)) - x) <= bound * Math.abs(x));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

test('sums are exact where the result spans 8 bits a component, else within 1 in 2^(8n − 2) of it', () => {
  for (const n of [2, 3]) {
    const whole = fc.integer({ min: -(2 ** (8 * n - 1)), max: 2 ** (8 * n - 1) });
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        assert.equal(expansionValue(addExpansions(expansionOf(a, n), expansionOf(b, n))), a + b);
        const scalar = roundBF16(b);
        const grown = grow(expansionOf(a, n), scalar);
        const spans = Math.abs(a + scalar) <= 2 ** (8 * n);
        if (spans) assert.equal(expansionValue(grown), a + scalar);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    const parts = fc.array(bf16(14), { minLength: n, maxLength: n });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const exact = expansionValue(a) + expansionValue(b);
        const sum = addExpansions(a, b, n);
        assert.ok(isNormalized(sum), `${sum}`);
        assert.ok(Math.abs(expansionValue(sum) - exact) <= 2 ** (2 - 8 * n) * Math.abs(exact), `${sum} for ${exact}`);
        assert.equal(expansionValue(addExpansions(a, b, 2 * n)), exact);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  }
});

test('a thousand small steps: bfloat16 stands still where two components arrive', () => {
  const step = roundBF16(1e-3);
  let alone = 1;
  let sum = expansionOf(1, 2);
  for (let i = 0; i < 1000; i++) {
    alone = roundBF16(alone + step);
    sum = grow(sum, step);
  }
  assert.equal(alone, 1);
  assert.ok(Math.abs(expansionValue(sum) - (1 + 1000 * step)) < 2 ** -8, `${expansionValue(sum)}`);
});

test('overflow is Inf without NaN beside it; stored components are 32 and 48 bits and keep Inf and NaN', () => {
  assert.deepEqual(twoSum(LARGEST_BF16, LARGEST_BF16), [Infinity, 0]);
  assert.deepEqual(grow([LARGEST_BF16, 0], LARGEST_BF16), [Infinity, 0]);
  for (const [name, bytes] of [
    ['BF16X2', 4],
    ['BF16X3', 6],
  ] as const) {
    const { tensor } = entry(name);
    const values = Float32Array.of(1 / 3, -(2 ** -149), Infinity, -Infinity, Number.NaN, 3.4028234663852886e38, -0);
    const stored = tensor.encode(values, values.length);
    assert.equal(stored.length, bytes * values.length);
    const decoded = new Float32Array(values.length);
    tensor.decode(stored, values.length, decoded);
    assert.deepEqual(decoded.subarray(2, 5), values.subarray(2, 5));
    assert.ok(Math.abs(decoded[0] * 3 - 1) < 2 ** -16);
    assert.ok(Math.abs(decoded[5] / values[5] - 1) < 2 ** -16);
    assert.ok(Math.abs(decoded[1]) <= 2 ** -149);
  }
});
