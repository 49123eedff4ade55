import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import { calibration, relativeError, unbiasedRatio, useFactors } from '../../src/measure/calibrate.ts';
import type { UseSummary } from '../../src/measure/types.ts';

const tokens = 10;

/** A use whose row products average `factor` times its Kronecker price, with a relative spread over sequences. */
function use(tensor: string, factor: number, spread: number, random: Random, sequences = 64): UseSummary {
  const kronecker = 0.01;
  const products = Float64Array.from(
    { length: sequences },
    () => 2 * tokens * kronecker * factor * (1 + spread * random.normal()),
  );
  const sketch = {
    innerProducts: products.map(Math.sqrt),
    squares: products,
    rowProducts: products,
    tokenProducts: products,
    kronecker,
    rows: 4,
  };
  return {
    tensor,
    use: 'linear',
    kind: tensor.split('.').at(-2) ?? tensor,
    rows: 4,
    columns: 4,
    importance: new Float32Array(4),
    factor: { value: 1, standardError: 0 },
    sketch,
  };
}

test('well-measured factors of blocks stay their own, badly measured ones move to the pooled one', () => {
  const random = new Random(1);
  const truth = [0.5, 1, 1.5, 2];
  const sharp = useFactors(
    truth.map((factor, layer) => use(`blk.${layer}.attn_v.weight`, factor, 0.1, random)),
    tokens,
  );
  sharp.forEach(({ value, standardError }, i) => {
    assert.ok(Math.abs(value / truth[i] - 1) < 0.05);
    assert.ok(standardError < 0.04);
  });
  const vague = useFactors(
    [1, 1, 1, 1].map((factor, layer) => use(`blk.${layer}.attn_v.weight`, factor, 4, random)),
    tokens,
  );
  const values = vague.map(({ value }) => value);
  assert.ok(Math.max(...values) - Math.min(...values) < 0.5, `${values}`);
});

test('factors of different matrices are not pooled', () => {
  const random = new Random(2);
  const factors = useFactors(
    [
      use('blk.0.attn_q.weight', 1, 0.1, random),
      use('blk.0.attn_v.weight', 2, 0.1, random),
      use('output.weight', 3, 0.1, random),
    ],
    tokens,
  );
  assert.deepEqual(
    factors.map(({ value }) => Math.round(value)),
    [1, 2, 3],
  );
});

test('calibration, check and relative error are ratios of sums with their errors', () => {
  const random = new Random(3);
  const uses = [use('a', 1, 0.4, random), use('b', 2, 0.4, random)];
  const { value, standardError } = calibration(uses, tokens);
  assert.ok(Math.abs(value - 1.5) < 4 * standardError);
  assert.ok(standardError > 0.02 && standardError < 0.08, `${standardError}`);
  assert.deepEqual(unbiasedRatio(uses, tokens), { value, standardError });
  assert.ok(Math.abs(relativeError(uses, 'a') - 0.05) < 0.015);
  assert.throws(() => relativeError(uses, 'c'), /c was not measured/);
});

test('a matrix of zeros, which no rounding changes, has factor 1', () => {
  const zero = use('output.weight', 0, 0, new Random(4));
  const [factor] = useFactors([{ ...zero, sketch: { ...zero.sketch, kronecker: 0 } }], tokens);
  assert.deepEqual(factor, { value: 1, standardError: 0 });
});
