import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { defaultDevice, grad, init, lax, nn, numpy as np } from '@jax-js/jax';
import { Random } from '../../src/core/random.ts';
import type { AttentionShape, WindowShape } from '../../src/kernels/contract.ts';
import { windowCounts, windowLengths } from '../../src/kernels/windows.ts';
import { normal, reference, routeShape } from './support.ts';

/*
 * The definitions against an engine that is not ours: jax-js, values and its own derivatives.
 */

before(async () => {
  await init('wasm');
  defaultDevice('wasm');
});

interface Input {
  readonly values: Float32Array;
  readonly shape: number[];
}

const tensor = ({ values, shape }: Input) => np.array(new Float32Array(values)).reshape(shape);
const read = async (array: np.Array) => (await array.data()) as Float32Array;

/** y = f(inputs) and the gradients of Σ dy·y at each input, by jax-js. */
async function byJax(
  f: (...inputs: np.Array[]) => np.Array,
  inputs: Input[],
  dy: Float32Array,
): Promise<{ y: Float32Array; gradients: Float32Array[] }> {
  const y = await read(f(...inputs.map(tensor)));
  const parameters = Object.fromEntries(inputs.map((input, i) => [`${i}`, tensor(input)]));
  const loss = (p: Record<string, np.Array>) => {
    const out = f(...inputs.map((_, i) => p[`${i}`]));
    return out.mul(tensor({ values: dy, shape: out.shape })).sum();
  };
  const found = grad(loss)(parameters) as Record<string, np.Array>;
  const gradients: Float32Array[] = [];
  for (let i = 0; i < inputs.length; i++) gradients.push(await read(found[`${i}`]));
  return { y, gradients };
}

/** Asserts that arrays agree to `bound` of the largest value. */
function assertNear(found: Float32Array, expected: Float32Array, bound: number, label: string): void {
  assert.equal(found.length, expected.length, label);
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= bound * size, `${label} at ${i}: ${value}, jax-js ${expected[i]}`);
  });
}

test('activations and gates equal jax-js to 1e-5, and so do their gradients', async () => {
  const random = new Random(111);
  const functions = { silu: nn.silu, gelu: nn.gelu, relu: nn.relu, sigmoid: nn.sigmoid, tanh: np.tanh };
  let cases = 0;
  for (const activation of ['silu', 'gelu', 'relu', 'sigmoid', 'tanh'] as const) {
    const [x, up, dy] = [1, 2, 3].map(() => normal(random, 40).map((value) => 3 * value));
    const [y, dx, dUp] = [1, 2, 3].map(() => new Float32Array(40));
    const f = functions[activation] as (x: np.Array) => np.Array;
    const alone = await byJax(f, [{ values: x, shape: [40] }], dy);
    reference.activate(x, y, activation);
    reference.activateBackward(x, dy, dx, activation);
    assertNear(y, alone.y, 1e-5, activation);
    assertNear(dx, alone.gradients[0], 1e-5, `${activation} backward`);
    cases++;
    if (activation !== 'silu' && activation !== 'gelu') continue;
    const inputs = [x, up].map((values) => ({ values, shape: [40] }));
    const gate = await byJax((a, b) => f(a).mul(b), inputs, dy);
    reference.gated(x, up, y, activation);
    reference.gatedBackward(x, up, dy, dx, dUp, activation);
    assertNear(y, gate.y, 1e-5, `gated ${activation}`);
    assertNear(dx, gate.gradients[0], 1e-5, `gated ${activation} dGate`);
    assertNear(dUp, gate.gradients[1], 1e-5, `gated ${activation} dUp`);
    cases++;
  }
  assert.equal(cases, 7);
});

/** Attention of one sequence out of jax-js' own products, with a mask of additions and the cap. */
function jaxAttention({ length, heads, kvHeads, headDim, ...options }: AttentionShape) {
  const { scale = 1 / Math.sqrt(headDim), window = Infinity, causal = true, softcap } = options;
  const mask = Float32Array.from({ length: length * length }, (_, i) => {
    const [query, key] = [Math.floor(i / length), i % length];
    return (causal && key > query) || Math.abs(query - key) >= window ? -1e9 : 0;
  });
  return (q: np.Array, k: np.Array, v: np.Array): np.Array => {
    const grouped = q.reshape([length, kvHeads, heads / kvHeads, headDim]);
    let scores = np.einsum('tkgd,skd->kgts', grouped, k).mul(scale);
    if (softcap !== undefined) scores = np.tanh(scores.mul(1 / softcap)).mul(softcap);
    const p = nn.softmax(scores.add(tensor({ values: mask, shape: [length, length] })), -1);
    return np.einsum('kgts,skd->tkgd', p, v).reshape([length, heads * headDim]);
  };
}

test('attention with every option equals jax-js to 1e-5, and so do its gradients', async () => {
  const random = new Random(112);
  const plain = { sequences: 1, length: 9, past: 0, capacity: 9, heads: 4, kvHeads: 2, headDim: 6 };
  let cases = 0;
  for (const options of [
    {},
    { window: 3 },
    { causal: false },
    { causal: false, window: 2 },
    { softcap: 0.8, scale: 0.7 },
    { softcap: 2, window: 4, causal: false },
  ]) {
    const shape: AttentionShape = { ...plain, ...options };
    const label = JSON.stringify(options);
    const [q, dOut] = [normal(random, 9 * 24), normal(random, 9 * 24)];
    const [k, v] = [normal(random, 9 * 12), normal(random, 9 * 12)];
    const inputs = [
      { values: q, shape: [9, 4, 6] },
      { values: k, shape: [9, 2, 6] },
      { values: v, shape: [9, 2, 6] },
    ];
    const expected = await byJax(jaxAttention(shape), inputs, dOut);
    const out = new Float32Array(q.length);
    const gradients = [q, k, v].map((array) => new Float32Array(array.length));
    reference.attention(q, k, v, out, shape);
    reference.attentionBackward(q, k, v, dOut, gradients[0], gradients[1], gradients[2], shape);
    assertNear(out, expected.y, 1e-5, label);
    gradients.forEach((gradient, i) => {
      assertNear(gradient, expected.gradients[i], 1e-5, `${label} gradient ${i}`);
    });
    cases++;
  }
  assert.equal(cases, 6);
});

test('route equals the top of jax-js’ softmax to 1e-6, and a mixture of experts its gradients to 1e-5', async () => {
  const random = new Random(113);
  const [tokens, experts, k, n] = [7, 6, 2, 3];
  const logits = normal(random, tokens * experts);
  const [ids, order] = [new Int32Array(tokens * k), new Int32Array(tokens * k)];
  const [weights, offsets] = [new Float32Array(tokens * k), new Int32Array(experts + 1)];
  reference.route(logits, undefined, routeShape(experts, k, false), ids, weights);
  const [values, places] = lax.topK(nn.softmax(tensor({ values: logits, shape: [tokens, experts] }), -1), k);
  assertNear(weights, await read(values), 1e-6, 'weights');
  assert.deepEqual([...ids], [...(await places.data())]);

  // Normalized weights of the chosen experts times their outputs, all experts computed for all tokens.
  reference.route(logits, undefined, routeShape(experts, k, true), ids, weights);
  const chosen = new Float32Array(tokens * experts).fill(-1e9);
  ids.forEach((id, slot) => {
    chosen[Math.floor(slot / k) * experts + id] = 0;
  });
  const [x, w, dOut] = [normal(random, tokens * 4), normal(random, experts * n * 4), normal(random, tokens * n)];
  const dense = (l: np.Array, rows: np.Array, matrices: np.Array) => {
    const p = nn.softmax(l.add(tensor({ values: chosen, shape: [tokens, experts] })), -1);
    return np.einsum('te,ten->tn', p, np.einsum('tc,enc->ten', rows, matrices));
  };
  const shapes = [
    [tokens, experts],
    [tokens, 4],
    [experts, n, 4],
  ];
  const inputs = [logits, x, w].map((array, i) => ({ values: array, shape: shapes[i] }));
  const expected = await byJax(dense, inputs, dOut);

  const array = (length: number) => new Float32Array(length);
  reference.groupByExpert(ids, experts, order, offsets);
  const [rows, y, out] = [array(tokens * k * 4), array(tokens * k * n), array(tokens * n)];
  reference.gatherSlots(x, order, k, rows, 4);
  reference.groupedMatmulNT(rows, w, offsets, y, n, 4);
  reference.combine(y, order, weights, out, k, n);
  assertNear(out, expected.y, 1e-5, 'output');
  const [dY, dWeights, dLogits] = [array(y.length), array(weights.length), array(logits.length)];
  const [dRows, dx] = [array(rows.length), array(x.length)];
  reference.combineBackward(y, order, weights, dOut, dY, dWeights, k, n);
  reference.routeBackward(logits, ids, routeShape(experts, k, true), dWeights, dLogits);
  reference.groupedMatmulNN(dY, w, offsets, dRows, 4, n);
  reference.gatherSlotsBackward(dRows, order, k, dx, 4);
  assertNear(dLogits, expected.gradients[0], 1e-5, 'dLogits');
  assertNear(dx, expected.gradients[1], 1e-5, 'dx');
});

test('a convolution by unfold equals jax-js’ own to 1e-5, and so do its gradients by fold', async () => {
  const random = new Random(114);
  let cases = 0;
  for (const [kernel, stride, padding] of [
    [1, 1, 0],
    [3, 1, 1],
    [2, 2, 0],
    [3, 2, 2],
  ]) {
    const shape: WindowShape = { images: 2, height: 7, width: 6, channels: 3, kernel, stride, padding };
    const outputs = 4;
    const [down, across] = windowCounts(shape);
    const { images, patches } = windowLengths(shape);
    const [windows, columns] = [2 * down * across, kernel * kernel * 3];
    const [x, w, dy] = [normal(random, images), normal(random, outputs * columns), normal(random, windows * outputs)];
    const convolve = (image: np.Array, weight: np.Array) => {
      const channelsFirst = [image.transpose([0, 3, 1, 2]), weight.transpose([0, 3, 1, 2])];
      const pads: [number, number] = [padding, padding];
      const y = lax.conv(channelsFirst[0], channelsFirst[1], [stride, stride], [pads, pads]);
      return y.transpose([0, 2, 3, 1]).reshape([windows, outputs]);
    };
    const inputs = [
      { values: x, shape: [2, 7, 6, 3] },
      { values: w, shape: [outputs, kernel, kernel, 3] },
    ];
    const expected = await byJax(convolve, inputs, dy);
    const [unfolded, y, dPatches, dx] = [patches, dy.length, patches, images].map((length) => new Float32Array(length));
    reference.unfold(x, unfolded, shape);
    reference.matmulNT(unfolded, w, y, windows, outputs, columns);
    reference.matmulNN(dy, w, dPatches, windows, columns, outputs);
    reference.fold(dPatches, dx, shape);
    assertNear(y, expected.y, 1e-5, `kernel ${kernel}`);
    assertNear(dx, expected.gradients[0], 1e-5, `kernel ${kernel} dx`);
    cases++;
  }
  assert.equal(cases, 4);
});
