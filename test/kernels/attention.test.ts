import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { AttentionShape } from '../../src/kernels/contract.ts';
import { assertClose, normal, type Operation, onEveryBuild, reference, slope, weightedSum } from './support.ts';

const attention =
  (shape: AttentionShape): Operation =>
  (on, q, k, v, sinks) => {
    const out = on.f32(q.length);
    on.attention(q, k, v, out, shape, sinks);
    return [out];
  };

const attentionBackward =
  (shape: AttentionShape): Operation =>
  (on, q, k, v, dOut, sinks) => {
    // Gradients are overwritten, whatever they held.
    const gradients = [q, k, v, ...(sinks ? [sinks] : [])].map(({ length }) => on.f32(length).fill(9));
    const given = sinks && { values: sinks, gradient: gradients[3] };
    on.attentionBackward(q, k, v, dOut, gradients[0], gradients[1], gradients[2], shape, given);
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

/** Chunks within a tile, across tiles, of one key; sinks beside a cap. */
const chunkShapes: AttentionShape[] = [
  { ...shapes[1], chunk: 2 },
  { ...shapes[2], chunk: 1 },
  { ...shapes[3], chunk: 16, softcap: 2 },
  { ...shapes[4], chunk: 48, scale: 0.3 },
  { ...shapes[4], chunk: 50, causal: false },
  { sequences: 2, length: 150, past: 0, capacity: 150, heads: 4, kvHeads: 2, headDim: 12, chunk: 70 },
];
const cachedChunkShapes: AttentionShape[] = [
  { ...cachedShapes[0], chunk: 256 },
  { ...cachedShapes[1], chunk: 5 },
  { ...cachedShapes[2], chunk: 64 },
];

/** Windows of one key, within a tile, of a tile, beyond one; every query with every key; caps; other scales. */
const optionShapes: AttentionShape[] = [
  { ...shapes[1], window: 1 },
  { ...shapes[1], window: 2, causal: false },
  { ...shapes[2], window: 31, softcap: 2 },
  { ...shapes[2], causal: false },
  { ...shapes[3], window: 33, scale: 0.7 },
  { ...shapes[3], window: 200, softcap: 0.5, scale: 3 },
  { ...shapes[4], window: 66 },
  { ...shapes[4], window: 64, causal: false, softcap: 5 },
  { sequences: 1, length: 400, past: 0, capacity: 400, heads: 1, kvHeads: 1, headDim: 16, window: 3 },
  { sequences: 1, length: 230, past: 0, capacity: 230, heads: 2, kvHeads: 1, headDim: 9, window: 70, causal: false },
  { sequences: 1, length: 140, past: 0, capacity: 140, heads: 2, kvHeads: 1, headDim: 256, window: 20, scale: 1 / 16 },
];
const cachedOptionShapes: AttentionShape[] = [
  { ...cachedShapes[0], window: 7 },
  { ...cachedShapes[0], window: 256, softcap: 1 },
  { ...cachedShapes[1], window: 33, causal: false },
  { ...cachedShapes[2], window: 32 },
  { ...cachedShapes[2], causal: false, scale: 0.1 },
  { sequences: 1, length: 70, past: 900, capacity: 970, heads: 1, kvHeads: 1, headDim: 12, window: 700 },
  { sequences: 1, length: 1, past: 600, capacity: 601, heads: 4, kvHeads: 1, headDim: 256, window: 512 },
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

test('attention with windows, caps, scales and without a mask is within 4e-6 of the reference', async () => {
  const random = new Random(61);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of [...optionShapes, ...cachedOptionShapes]) {
      assertClose(kernels, attention(shape), inputs(random, shape), 4e-6, { label: JSON.stringify(shape) });
      cases++;
    }
  });
  assert.equal(cases, 54);
});

test('attention in chunks and with sinks is within 4e-6 of the reference, its gradients within 2e-5', async () => {
  const random = new Random(63);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of [...shapes, ...chunkShapes, ...cachedChunkShapes]) {
      const label = JSON.stringify(shape);
      const arrays = inputs(random, shape);
      const sinks = normal(random, shape.heads).map((value) => 3 * value);
      assertClose(kernels, attention(shape), [...arrays, sinks], 4e-6, { label });
      if (shape.chunk !== undefined) assertClose(kernels, attention(shape), arrays, 4e-6, { label });
      cases++;
      if (shape.past > 0) continue;
      const dOut = normal(random, arrays[0].length);
      assertClose(kernels, attentionBackward(shape), [...arrays, dOut, sinks], 2e-5, { label });
    }
  });
  assert.equal(cases, 42);
});

test('attentionBackward with windows, caps, scales and without a mask is within 2e-5 of the reference', async () => {
  const random = new Random(62);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of optionShapes) {
      const arrays = inputs(random, shape);
      const dOut = normal(random, arrays[0].length);
      assertClose(kernels, attentionBackward(shape), [...arrays, dOut], 2e-5, { label: JSON.stringify(shape) });
      cases++;
    }
  });
  assert.equal(cases, 33);
});

test('attention and attentionBackward of small sizes are within 4e-6 and 2e-5 of the reference', async () => {
  const random = new Random(66);
  const options = [{}, { window: 2 }, { causal: false }, { softcap: 1, scale: 0.5 }, { causal: false, window: 3 }];
  const sizes = [0, 1, 2, 3, 31, 33];
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const length of sizes) {
      for (const headDim of sizes.slice(1)) {
        const plain = { sequences: 1 + (cases % 2), length, past: 0, capacity: length, heads: 2, kvHeads: 1, headDim };
        const shape: AttentionShape = { ...plain, ...options[cases % options.length] };
        const arrays = inputs(random, shape);
        const dOut = normal(random, arrays[0].length);
        const label = JSON.stringify(shape);
        assertClose(kernels, attention(shape), arrays, 4e-6, { label });
        assertClose(kernels, attentionBackward(shape), [...arrays, dOut], 2e-5, { label });
        cases++;
      }
    }
  });
  assert.equal(cases, 90);
});

test('a query of no tokens, and odd values in queries and keys, are within 2e-5 of the reference', async () => {
  const random = new Random(63);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of [shapes[1], shapes[3], optionShapes[4], optionShapes[5]]) {
      const [q, k, v] = inputs(random, shape);
      const row = shape.heads * shape.headDim;
      q.subarray(0, row).fill(0);
      q.subarray(row, 2 * row).fill(1e-40);
      q[2 * row] = Number.NaN;
      q[q.length - 1] = 1e4;
      q[q.length - row] = Infinity;
      k.fill(0, 0, shape.headDim);
      v[0] = -1e5;
      v[1] = 1e-40;
      assertClose(kernels, attention(shape), [q, k, v], 2e-5, { label: JSON.stringify(shape) });
      const none = { ...shape, length: 0 };
      assertClose(kernels, attention(none), [new Float32Array(0), k, v], 0, { label: 'no tokens' });
      cases++;
    }
  });
  assert.equal(cases, 12);
});

test('options at their defaults change no bit', async () => {
  const random = new Random(64);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of [...shapes, ...cachedShapes]) {
      const arrays = inputs(random, shape).map((array) => kernels.upload(array));
      const keys = shape.past + shape.length;
      const scale = 1 / Math.sqrt(shape.headDim);
      const spelled = { ...shape, causal: true, window: keys, scale };
      assert.deepEqual(attention(spelled)(kernels, ...arrays), attention(shape)(kernels, ...arrays));
      if (shape.past === 0 && shape.capacity === shape.length) {
        const all = [...arrays, kernels.upload(normal(random, arrays[0].length))];
        assert.deepEqual(attentionBackward(spelled)(kernels, ...all), attentionBackward(shape)(kernels, ...all));
      }
      cases++;
    }
  });
  assert.equal(cases, 24);
});

test('keys outside every window are not read', async () => {
  const random = new Random(65);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const [length, past] of [
      [1, 300],
      [3, 300],
      [66, 300],
    ]) {
      const capacity = past + length;
      const shape = { sequences: 1, length, past, capacity, heads: 2, kvHeads: 1, headDim: 8, window: 9 };
      const arrays = inputs(random, shape);
      const [expected] = attention(shape)(kernels, ...arrays.map((array) => kernels.upload(array)));
      for (const array of arrays.slice(1)) array.fill(Number.NaN, 0, (past - 8) * 8);
      const [found] = attention(shape)(kernels, ...arrays.map((array) => kernels.upload(array)));
      assert.deepEqual(found, expected);
      assert.ok(found.every(Number.isFinite));
      cases++;
    }
  });
  assert.equal(cases, 9);
});

for (const options of [
  {},
  { window: 2, scale: 0.4 },
  { causal: false },
  { causal: false, window: 2 },
  { softcap: 0.7, scale: 1.3 },
] satisfies Partial<AttentionShape>[])
  test(`attentionBackward matches finite differences within 1e-3, ${JSON.stringify(options)}`, () => {
    const random = new Random(11);
    const plain = { sequences: 2, length: 4, past: 0, capacity: 4, heads: 2, kvHeads: 1, headDim: 3 };
    const shape: AttentionShape = { ...plain, ...options };
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
    for (const window of [0, -1, 1.5])
      assert.throws(() => kernels.attention(q, k, v, q, { ...shapes[1], window }), /takes whole numbers from 1 on/);
    assert.throws(() => kernels.attention(q, k, v, q, { ...shapes[1], softcap: 0 }), /leave it out for none/);
  });
});
