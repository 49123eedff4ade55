import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { AttentionShape } from '../../src/kernels/contract.ts';
import { assertClose, normal, type Operation, onEveryBuild, reference, slope, weightedSum } from './support.ts';

const attention =
  (shape: AttentionShape): Operation =>
  (on, q, k, v) => {
    const out = on.f32(q.length);
    on.attention(q, k, v, out, shape);
    return [out];
  };

const attentionBackward =
  (shape: AttentionShape): Operation =>
  (on, q, k, v, dOut) => {
    // Gradients are overwritten, whatever they held.
    const gradients = [on.f32(q.length).fill(9), on.f32(k.length).fill(9), on.f32(v.length).fill(9)];
    on.attentionBackward(q, k, v, dOut, gradients[0], gradients[1], gradients[2], shape);
    return gradients;
  };

function inputs(
  random: Random,
  { sequences, length, capacity, heads, kvHeads, headDim }: AttentionShape,
): Float32Array[] {
  const query = sequences * length * heads * headDim;
  const key = sequences * capacity * kvHeads * headDim;
  return [normal(random, query), normal(random, key), normal(random, key)];
}

/** Lengths around the tile of 66 queries; grouped heads; cached keys; one query. */
const shapes: AttentionShape[] = [
  { sequences: 1, length: 1, past: 0, capacity: 1, heads: 1, kvHeads: 1, headDim: 1 },
  { sequences: 2, length: 3, past: 0, capacity: 3, heads: 4, kvHeads: 2, headDim: 6 },
  { sequences: 1, length: 66, past: 0, capacity: 66, heads: 2, kvHeads: 1, headDim: 16 },
  { sequences: 2, length: 67, past: 0, capacity: 67, heads: 3, kvHeads: 3, headDim: 8 },
  { sequences: 1, length: 130, past: 0, capacity: 130, heads: 2, kvHeads: 1, headDim: 64 },
];
const cachedShapes: AttentionShape[] = [
  { sequences: 1, length: 1, past: 257, capacity: 300, heads: 3, kvHeads: 1, headDim: 64 },
  { sequences: 2, length: 5, past: 31, capacity: 64, heads: 4, kvHeads: 2, headDim: 32 },
  { sequences: 2, length: 70, past: 33, capacity: 110, heads: 2, kvHeads: 2, headDim: 20 },
];

test('attention is within 2e-6 of the reference', async () => {
  const random = new Random(8);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of [...shapes, ...cachedShapes]) {
      assertClose(kernels, attention(shape), inputs(random, shape), 2e-6, { label: JSON.stringify(shape) });
      cases++;
    }
  });
  assert.equal(cases, 24);
});

test('attention with scores of ±1000 is within 1e-4 of the reference', async () => {
  const random = new Random(9);
  await onEveryBuild((kernels) => {
    const arrays = inputs(random, shapes[3]);
    arrays[0] = arrays[0].map((value) => 300 * value);
    assertClose(kernels, attention(shapes[3]), arrays, 1e-4);
  });
});

test('attentionBackward is within 1e-5 of the reference', async () => {
  const random = new Random(10);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of shapes) {
      const arrays = inputs(random, shape);
      const dOut = normal(random, arrays[0].length);
      assertClose(kernels, attentionBackward(shape), [...arrays, dOut], 1e-5, { label: JSON.stringify(shape) });
      cases++;
    }
  });
  assert.equal(cases, 15);
});

test('attentionBackward matches finite differences within 1e-3', () => {
  const random = new Random(11);
  const shape: AttentionShape = { sequences: 2, length: 4, past: 0, capacity: 4, heads: 2, kvHeads: 1, headDim: 3 };
  const arrays = inputs(random, shape);
  const dOut = normal(random, arrays[0].length);
  const gradients = attentionBackward(shape)(reference, ...arrays, dOut);
  const loss = () => weightedSum(attention(shape), arrays, [dOut]);
  let cases = 0;
  gradients.forEach((gradient, input) => {
    gradient.forEach((value, i) => {
      const expected = slope(loss, arrays[input], i);
      assert.ok(Math.abs(value - expected) < 1e-3, `input ${input} at ${i}: ${value}, differences give ${expected}`);
      cases++;
    });
  });
  assert.equal(cases, 96);
});

test('rejects impossible attention shapes', async () => {
  await onEveryBuild((kernels) => {
    const shape = { ...shapes[1], capacity: 2 };
    const [q, k, v] = inputs(new Random(12), shapes[1]).map((array) => kernels.upload(array));
    assert.throws(() => kernels.attention(q, k, v, q, shape), /sees 3 tokens, capacity is 2/);
    assert.throws(() => kernels.attention(q, k, v, q, { ...shapes[1], kvHeads: 3 }), /4 heads, which 3 kvHeads/);
  });
});
