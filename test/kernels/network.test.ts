import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { RopeShape } from '../../src/kernels/contract.ts';
import {
  assertClose,
  awkwardLengths,
  normal,
  type Operation,
  onEveryBuild,
  reference,
  slope,
  special,
  weightedSum,
  worstError,
} from './support.ts';

const epsilon = 1e-5;

const rmsNorm =
  (n: number): Operation =>
  (on, x, gain, y) => {
    on.rmsNorm(x, gain, y, n, epsilon);
    return [y];
  };
const rmsNormBackward =
  (n: number): Operation =>
  (on, x, gain, dy, dx) => {
    on.rmsNormBackward(x, gain, dy, dx, n, epsilon);
    return [dx];
  };
const swiglu: Operation = (on, gate, up, y) => {
  on.gated(gate, up, y, 'silu');
  return [y];
};
const swigluBackward: Operation = (on, gate, up, dy, dGate, dUp) => {
  on.gatedBackward(gate, up, dy, dGate, dUp, 'silu');
  return [dGate, dUp];
};
const add: Operation = (on, y, x) => {
  on.add(y, x);
  return [y];
};
const addBias: Operation = (on, y, bias) => {
  on.addBias(y, bias);
  return [y];
};

test('rmsNorm and rmsNormBackward are within 1e-6 of the reference', async () => {
  const random = new Random(3);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of awkwardLengths) {
      const [x, gain, dy] = [normal(random, 3 * n), normal(random, n), normal(random, 3 * n)];
      x[n] = 1e5;
      assertClose(kernels, rmsNorm(n), [x, gain, dy], 1e-6, { label: `n ${n}` });
      assertClose(kernels, rmsNormBackward(n), [x, gain, dy, x], 1e-6, { label: `backward n ${n}` });
      cases++;
    }
    // Squares that float32 cannot hold, and denormals.
    const odd = Float32Array.of(1e25, -1e25, 1e-40, 0, 3);
    assertClose(kernels, rmsNorm(5), [odd, normal(random, 5), odd], 1e-6, { label: 'outlier' });
  });
  assert.equal(cases, 3 * awkwardLengths.length);
});

test('swiglu and swigluBackward are within 2e-6 of the reference, special values included', async () => {
  const random = new Random(4);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of awkwardLengths) {
      const inputs = Array.from({ length: 5 }, () => normal(random, n).map((x) => 4 * x));
      assertClose(kernels, swiglu, inputs.slice(0, 3), 2e-6, { label: `n ${n}` });
      assertClose(kernels, swigluBackward, inputs, 2e-6, { label: `backward n ${n}` });
      cases++;
    }
    const gate = Float32Array.from([...special, 88, -88, 89, -89, 200, -200]);
    const up = new Float32Array(gate.length).fill(2);
    assertClose(kernels, swiglu, [gate, up, up], 2e-6, { label: 'special' });
  });
  assert.equal(cases, 3 * awkwardLengths.length);
});

test('add and addBias equal the reference', async () => {
  const random = new Random(5);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of awkwardLengths) {
      assertClose(kernels, add, [normal(random, n), normal(random, n)], 0, { label: `add ${n}` });
      assertClose(kernels, addBias, [normal(random, 3 * n), normal(random, n)], 0, { label: `addBias ${n}` });
      cases++;
    }
    assertClose(kernels, add, [Float32Array.from(special), Float32Array.from(special)], 0);
  });
  assert.equal(cases, 3 * awkwardLengths.length);
});

const ropeShapes: RopeShape[] = [
  { heads: 3, headDim: 8, dimensions: 8, style: 'interleaved' },
  { heads: 2, headDim: 64, dimensions: 64, style: 'halves' },
  { heads: 1, headDim: 10, dimensions: 6, style: 'interleaved' },
  { heads: 2, headDim: 12, dimensions: 6, style: 'halves' },
];

/** cos, sin of position · 10000^(−2i/dimensions) for positions below 50. */
function angleTable(dimensions: number): Float32Array {
  return Float32Array.from({ length: 50 * dimensions }, (_, index) => {
    const angle = Math.floor(index / dimensions) * 10000 ** (-((index % dimensions) & ~1) / dimensions);
    return index % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}

test('rope is within 1e-6 of the reference, and its inverse undoes it within 1e-6', async () => {
  const random = new Random(6);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const shape of ropeShapes) {
      for (const tokens of [1, 2, 7, 33]) {
        const rotate =
          (inverse: boolean): Operation =>
          (on, x, table) => {
            const positions = on.i32(tokens);
            positions.set(Array.from({ length: tokens }, (_, i) => (7 * i + 3) % 50));
            on.rope(x, positions, table, shape, inverse);
            return [x];
          };
        const x = normal(random, tokens * shape.heads * shape.headDim);
        const table = angleTable(shape.dimensions);
        assertClose(kernels, rotate(false), [x, table], 1e-6);
        assertClose(kernels, rotate(true), [x, table], 1e-6);
        const there = rotate(false)(kernels, kernels.upload(x), kernels.upload(table))[0];
        const back = rotate(true)(kernels, there, kernels.upload(table))[0];
        assert.ok(worstError(back, x, 1) < 1e-6);
        cases++;
      }
    }
  });
  assert.equal(cases, 48);
});

test('rmsNormBackward and swigluBackward match finite differences within 1e-3', () => {
  const random = new Random(7);
  const n = 6;
  const [x, gain, dy] = [normal(random, 2 * n), normal(random, n), normal(random, 2 * n)];
  let cases = 0;
  const check = (forward: Operation, backward: Operation, inputs: Float32Array[], sizes: number[]) => {
    const outputs = inputs.slice(0, sizes.length).map((input) => new Float32Array(input.length));
    const loss = () => weightedSum(forward, [...inputs.slice(0, 2), new Float32Array(dy.length)], [dy]);
    const gradients = backward(reference, ...inputs, ...outputs);
    gradients.forEach((gradient, input) => {
      gradient.forEach((value, i) => {
        const expected = slope(loss, inputs[input], i, 1e-3);
        assert.ok(Math.abs(value - expected) < 1e-3 * Math.max(1, Math.abs(value)), `${value} and ${expected}`);
        cases++;
      });
    });
  };
  check(rmsNorm(n), rmsNormBackward(n), [x, gain, dy], [0]);
  check(swiglu, swigluBackward, [x, normal(random, 2 * n), dy], [0, 0]);
  assert.equal(cases, 36);
});
