import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/random.ts';
import type { Activation, GateActivation } from '../../src/kernels/contract.ts';
import { assertClose, assertSlopes, awkwardLengths, normal, type Operation, onEveryBuild, special } from './support.ts';

const activations: Activation[] = ['silu', 'gelu', 'geluErf', 'relu', 'sigmoid', 'tanh', 'relu2', 'softplus'];
const gates: GateActivation[] = ['silu', 'gelu', 'geluErf', 'clamped'];
const lengths = [0, ...awkwardLengths];

const activate =
  (activation: Activation): Operation =>
  (on, x) => {
    const y = on.f32(x.length).fill(9);
    on.activate(x, y, activation);
    return [y];
  };
const activateBackward =
  (activation: Activation): Operation =>
  (on, x, dy) => {
    const dx = on.f32(x.length).fill(9);
    on.activateBackward(x, dy, dx, activation);
    return [dx];
  };
const gated =
  (activation: GateActivation): Operation =>
  (on, gate, up) => {
    const y = on.f32(up.length).fill(9);
    on.gated(gate, up, y, activation);
    return [y];
  };
const gatedBackward =
  (activation: GateActivation): Operation =>
  (on, gate, up, dy) => {
    const gradients = [on.f32(up.length).fill(9), on.f32(up.length).fill(9)];
    on.gatedBackward(gate, up, dy, gradients[0], gradients[1], activation);
    return gradients;
  };

const scaleRows: Operation = (on, x, s) => {
  const y = on.f32(x.length).fill(9);
  on.scaleRows(x, s, y);
  return [y];
};
const scaleRowsBackward: Operation = (on, x, s, dy) => {
  const gradients = [on.f32(x.length).fill(9), on.f32(s.length).fill(9)];
  on.scaleRowsBackward(x, s, dy, gradients[0], gradients[1]);
  return gradients;
};
const scale =
  (factor: number): Operation =>
  (on, x) => {
    const y = on.f32(x.length).fill(9);
    on.scale(x, factor, y);
    return [y];
  };

/** Where activations turn, saturate and overflow. */
const extremes = Float32Array.from([
  ...special,
  ...[0.2499, 0.25, -0.25, 5, -5, 9, -9, 30, -30, 88, -88, 89, -89, 200, -200, 1e-20, -1e-20, 1e20, -1e20, 1e38, -1e38],
]);

test('activate and activateBackward are within 2e-6 of the reference, special values included', async () => {
  const random = new Random(31);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const activation of activations) {
      for (const n of lengths) {
        const inputs = [normal(random, n).map((x) => 4 * x), normal(random, n)];
        assertClose(kernels, activate(activation), inputs.slice(0, 1), 2e-6, { label: `${activation} ${n}` });
        assertClose(kernels, activateBackward(activation), inputs, 2e-6, { label: `${activation} backward ${n}` });
        cases++;
      }
      const ones = new Float32Array(extremes.length).fill(-1.5);
      assertClose(kernels, activate(activation), [extremes], 2e-6, { label: `${activation} special` });
      assertClose(kernels, activateBackward(activation), [extremes, ones], 2e-6, {
        label: `${activation} special back`,
      });
    }
  });
  assert.equal(cases, 3 * activations.length * lengths.length);
});

test('activations keep small values to 1e-6 of themselves', async () => {
  let cases = 0;
  const small = Float32Array.from({ length: 60 }, (_, i) => (i % 2 ? -1 : 1) * 10 ** (-i / 2));
  await onEveryBuild((kernels) => {
    for (const activation of activations) {
      assertClose(kernels, activate(activation), [small], 1e-6, { floor: 1e-37, label: activation });
      cases++;
    }
  });
  assert.equal(cases, 3 * activations.length);
});

test('gated and gatedBackward are within 4e-6 of the reference, special values included', async () => {
  const random = new Random(32);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const activation of gates) {
      for (const n of lengths) {
        const inputs = Array.from({ length: 3 }, () => normal(random, n).map((x) => 4 * x));
        assertClose(kernels, gated(activation), inputs.slice(0, 2), 4e-6, { label: `${activation} ${n}` });
        assertClose(kernels, gatedBackward(activation), inputs, 4e-6, { label: `${activation} backward ${n}` });
        cases++;
      }
      const up = new Float32Array(extremes.length).fill(2);
      const options = { floor: 1, label: `${activation} special` };
      assertClose(kernels, gated(activation), [extremes, up], 4e-6, options);
      assertClose(kernels, gatedBackward(activation), [extremes, up, up], 4e-6, options);
    }
  });
  assert.equal(cases, 3 * gates.length * lengths.length);
});

test('scale and scaleRows equal the reference, special values included', async () => {
  const random = new Random(35);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      assertClose(kernels, scaleRows, [normal(random, 3 * n), normal(random, 3)], 0, { label: `rows of ${n}` });
      assertClose(kernels, scale(0.1), [normal(random, n)], 0, { label: `scale ${n}` });
      cases++;
    }
    const odd = Float32Array.from([...special, ...special]);
    assertClose(kernels, scaleRows, [odd, Float32Array.of(1e-40, Number.NaN)], 0, { label: 'special' });
    assertClose(kernels, scaleRows, [odd, Float32Array.of(Infinity, -3)], 0, { label: 'special' });
    assertClose(kernels, scaleRows, [new Float32Array(0), new Float32Array(0)], 0, { label: 'no rows' });
    assertClose(kernels, scale(-1e30), [odd], 0, { label: 'special' });
  });
  assert.equal(cases, 3 * lengths.length);
});

test('scaleRowsBackward is within 1e-6·√columns of the reference, overwriting included', async () => {
  const random = new Random(36);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      const inputs = [normal(random, 3 * n), normal(random, 3), normal(random, 3 * n)];
      inputs[0][0] = 1e4;
      const floor = Math.sqrt(n);
      assertClose(kernels, scaleRowsBackward, inputs, 1e-6, { floor, label: `rows of ${n}` });
      const inPlace: Operation = (on, x, s, dy) => {
        const ds = on.f32(3);
        on.scaleRowsBackward(x, s, dy, dy, ds);
        return [dy, ds];
      };
      assertClose(kernels, inPlace, inputs, 1e-6, { floor, label: `rows of ${n} in place` });
      cases++;
    }
  });
  assert.equal(cases, 3 * lengths.length);
});

test('center is within 1e-6 of the reference, overwriting included', async () => {
  const random = new Random(37);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const n of lengths) {
      const apart: Operation = (on, x) => {
        const y = on.f32(x.length).fill(9);
        on.center(x, y, n);
        return [y];
      };
      const inPlace: Operation = (on, x) => {
        on.center(x, x, n);
        return [x];
      };
      const x = normal(random, 3 * n).map((value) => 100 + value);
      assertClose(kernels, apart, [x], 1e-6, { floor: 100, label: `rows of ${n}` });
      assertClose(kernels, inPlace, [x], 1e-6, { floor: 100, label: `rows of ${n} in place` });
      cases++;
    }
  });
  assert.equal(cases, 3 * lengths.length);
});

test('elements may overwrite their inputs: same bits as apart', async () => {
  const random = new Random(33);
  let cases = 0;
  await onEveryBuild((kernels) => {
    for (const activation of gates) {
      const [gate, up, dy] = Array.from({ length: 3 }, () => kernels.upload(normal(random, 67)));
      const [y] = gated(activation)(kernels, gate, up);
      const [dGate, dUp] = gatedBackward(activation)(kernels, gate, up, dy);
      const [x, other] = [kernels.upload(gate), kernels.upload(up)];
      kernels.gatedBackward(x, other, dy, x, other, activation);
      assert.deepEqual([x, other], [dGate, dUp]);
      kernels.gated(gate, up, gate, activation);
      assert.deepEqual(gate, y);
      cases++;
    }
  });
  assert.equal(cases, 3 * gates.length);
});

test('backward passes of activations and of scaled rows match finite differences within 1e-3', () => {
  const random = new Random(34);
  let cases = 0;
  // 0 is left out: relu has no slope there.
  const inputs = () => [normal(random, 12).map((x) => 2 * x + 0.01), normal(random, 12)];
  for (const activation of activations)
    cases += assertSlopes(
      activate(activation),
      activateBackward(activation),
      inputs().slice(0, 1),
      normal(random, 12),
      1e-3,
    );
  for (const activation of gates)
    cases += assertSlopes(gated(activation), gatedBackward(activation), inputs(), normal(random, 12), 1e-3);
  cases += assertSlopes(
    scaleRows,
    scaleRowsBackward,
    [normal(random, 12), normal(random, 3)],
    normal(random, 12),
    1e-3,
  );
  assert.equal(cases, 207);
});

test('short arrays of elements are refused', async () => {
  await onEveryBuild((kernels) => {
    const [x, short] = [kernels.f32(5), kernels.f32(4)];
    assert.throws(() => kernels.activate(short, x, 'gelu'), /argument x has 4 values, its shape needs 5/);
    assert.throws(() => kernels.activateBackward(x, x, short, 'relu'), /has 4 values/);
    assert.throws(() => kernels.gated(x, short, x, 'gelu'), /has 4 values/);
    assert.throws(() => kernels.gatedBackward(x, x, x, x, short, 'silu'), /has 4 values/);
    assert.throws(() => kernels.scale(x, 2, short), /has 4 values/);
    assert.throws(() => kernels.scaleRows(x, short, x), /5 values are not whole rows for 4 factors/);
    assert.throws(() => kernels.scaleRowsBackward(x, x, x, x, short), /has 4 values/);
  });
});
