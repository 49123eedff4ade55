import type { ElementKernels } from '../contract/elements.ts';
import type { Activation, GateActivation } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** An exponential costs about as much as this many multiply-adds. */
const EXPONENTIAL = 10;

/** From this many bits on values stay as they are. */
const NOTHING_TO_ROUND = 16;

/** As assembly/activations.ts counts them. */
const ACTIVATIONS: readonly Activation[] = ['silu', 'gelu', 'geluErf', 'relu', 'sigmoid', 'tanh', 'relu2', 'softplus'];
const CLAMPED = -1;

const gateNumber = (gate: GateActivation): number => (gate === 'clamped' ? CLAMPED : ACTIVATIONS.indexOf(gate));

export function elementKernels(team: Team): ElementKernels {
  const at = team.address;
  return {
    gated: (gate, up, y, activation) => {
      for (const array of [gate, up]) requireLength('of gated', array, y.length);
      const args = [at(gate), at(up), at(y), y.length, gateNumber(activation)];
      team.dispatch('gated', args, EXPONENTIAL * y.length);
    },
    gatedBackward: (gate, up, dy, dGate, dUp, activation) => {
      for (const array of [gate, up, dGate, dUp]) requireLength('of gatedBackward', array, dy.length);
      const arrays = [gate, up, dy, dGate, dUp].map(at);
      team.dispatch('gatedBackward', [...arrays, dy.length, gateNumber(activation)], EXPONENTIAL * dy.length);
    },
    activate: (x, y, activation) => {
      requireLength('x', x, y.length);
      team.dispatch('activate', [at(x), at(y), y.length, ACTIVATIONS.indexOf(activation)], EXPONENTIAL * y.length);
    },
    activateBackward: (x, dy, dx, activation) => {
      for (const array of [x, dx]) requireLength('of activateBackward', array, dy.length);
      const args = [at(x), at(dy), at(dx), dy.length, ACTIVATIONS.indexOf(activation)];
      team.dispatch('activateBackward', args, EXPONENTIAL * dy.length);
    },
    multiply: (a, b, y) => {
      for (const array of [a, b]) requireLength('of multiply', array, y.length);
      team.dispatch('multiply', [at(a), at(b), at(y), y.length], y.length);
    },
    scaleColumns: (x, s, y, columns) => {
      requireLength('y', y, x.length);
      if (s.length === 0) return;
      if (columns % s.length !== 0 || x.length % columns !== 0)
        throw new RangeError(`${x.length} values are not rows of ${columns} columns for ${s.length} factors`);
      const args = [at(x), at(s), at(y), x.length / columns, s.length, columns / s.length];
      team.dispatch('scaleColumns', args, x.length);
    },
    scaleRows: (x, s, y) => {
      requireLength('y', y, x.length);
      team.dispatch('scaleRows', [at(x), at(s), at(y), s.length, columnsOf(x, s)], x.length);
    },
    scaleRowsBackward: (x, s, dy, dx, ds) => {
      for (const array of [dy, dx]) requireLength('of scaleRowsBackward', array, x.length);
      requireLength('ds', ds, s.length);
      const args = [x, s, dy, dx, ds].map(at);
      team.dispatch('scaleRowsBackward', [...args, s.length, columnsOf(x, s)], 2 * x.length);
    },
    scale: (x, factor, y) => {
      requireLength('y', y, x.length);
      team.dispatch('scale', [at(x), at(y), x.length, factor], x.length);
    },
    center: (x, y, n) => {
      requireLength('y', y, x.length);
      if (x.length > 0) team.dispatch('center', [at(x), at(y), x.length / n, n], 2 * x.length);
    },
    meanRows: (x, count, y, columns) => {
      const runs = runsOf(y, columns, count);
      requireLength('x', x, runs * count * columns);
      team.dispatch('meanRows', [at(x), at(y), runs, count, columns], runs * count * columns);
    },
    meanRowsBackward: (dy, count, dx, columns) => {
      const runs = runsOf(dy, columns, count);
      requireLength('dx', dx, runs * count * columns);
      team.dispatch('meanRowsBackward', [at(dy), at(dx), runs * count, count, columns], runs * count * columns);
    },
    roundToBits: (x, bits, y) => {
      requireLength('y', y, x.length);
      if (!(Number.isInteger(bits) && bits >= 2))
        throw new RangeError(`roundToBits got ${bits} bits, takes whole numbers from 2 on`);
      if (bits >= NOTHING_TO_ROUND) y.set(x);
      else team.dispatch('roundToBits', [at(x), at(y), x.length, 2 ** (bits - 1) - 1], EXPONENTIAL * x.length);
    },
  };
}

/** Means in y[runs, columns]. */
function runsOf(y: Float32Array, columns: number, count: number): number {
  if (!(Number.isInteger(count) && count >= 1))
    throw new RangeError(`a mean of ${count} rows, expected a whole number from 1 on`);
  if (columns > 0 && y.length % columns !== 0)
    throw new RangeError(`${y.length} means are not whole rows of ${columns}`);
  return columns > 0 ? y.length / columns : 0;
}

/** Columns of x that has a factor per row. */
function columnsOf(x: Float32Array, s: Float32Array): number {
  if (s.length === 0 && x.length === 0) return 0;
  const columns = x.length / s.length;
  if (!Number.isInteger(columns)) throw new RangeError(`${x.length} values are not whole rows for ${s.length} factors`);
  return columns;
}
