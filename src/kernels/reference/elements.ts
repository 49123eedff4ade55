import type { ElementKernels } from '../contract/elements.ts';
import type { Activation, GateActivation } from '../contract.ts';
import { erf } from '../erf.ts';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const GELU = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
const geluTangent = (x: number) => Math.tanh(GELU * (x + CUBIC * x ** 3));

/** Share of a normal distribution below x. */
const normalBelow = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2));

const values: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => x * sigmoid(x),
  gelu: (x) => 0.5 * x * (1 + geluTangent(x)),
  geluErf: (x) => x * normalBelow(x),
  relu: (x) => Math.max(0, x),
  sigmoid,
  tanh: Math.tanh,
  relu2: (x) => x * Math.max(0, x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

const slopes: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  gelu: (x) => {
    const tangent = geluTangent(x);
    return 0.5 * (1 + tangent) + 0.5 * x * (1 - tangent ** 2) * GELU * (1 + 3 * CUBIC * x ** 2);
  },
  geluErf: (x) => normalBelow(x) + (x * Math.exp(-(x ** 2) / 2)) / Math.sqrt(2 * Math.PI),
  relu: (x) => (x > 0 ? 1 : 0),
  sigmoid: (x) => sigmoid(x) * (1 - sigmoid(x)),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  relu2: (x) => 2 * Math.max(0, x),
  softplus: sigmoid,
};

/** Steepness and bounds of the clamped gate. */
const [STEEP, CLAMP] = [1.702, 7];

/** A gate's output, and its slopes at the gate and at the other input. */
function gate(x: number, up: number, activation: GateActivation): { y: number; byGate: number; byUp: number } {
  if (activation !== 'clamped') {
    const value = values[activation](x);
    return { y: value * up, byGate: up * slopes[activation](x), byUp: value };
  }
  const [g, u] = [Math.min(x, CLAMP), Math.min(Math.max(up, -CLAMP), CLAMP)];
  const s = sigmoid(STEEP * g);
  const slope = x < CLAMP ? s * (1 + STEEP * g * (1 - s)) : 0;
  return { y: g * s * (u + 1), byGate: slope * (u + 1), byUp: Math.abs(up) < CLAMP ? g * s : 0 };
}

/** Values that share a scale when they are rounded. */
const GROUP = 32;

export const elementKernels: ElementKernels = {
  gated: (x, up, y, activation) => {
    for (let i = 0; i < y.length; i++) y[i] = gate(x[i], up[i], activation).y;
  },
  gatedBackward: (x, up, dy, dGate, dUp, activation) => {
    for (let i = 0; i < dy.length; i++) {
      const gradient = dy[i];
      const { byGate, byUp } = gate(x[i], up[i], activation);
      dUp[i] = gradient * byUp;
      dGate[i] = gradient * byGate;
    }
  },
  activate: (x, y, activation) => {
    for (let i = 0; i < y.length; i++) y[i] = values[activation](x[i]);
  },
  activateBackward: (x, dy, dx, activation) => {
    for (let i = 0; i < dy.length; i++) dx[i] = dy[i] * slopes[activation](x[i]);
  },
  multiply: (a, b, y) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i] * b[i];
  },
  scaleRows: (x, s, y) => {
    const columns = x.length / s.length;
    for (let i = 0; i < x.length; i++) y[i] = s[Math.floor(i / columns)] * x[i];
  },
  scaleRowsBackward: (x, s, dy, dx, ds) => {
    const columns = x.length / s.length;
    for (let row = 0; row < s.length; row++) {
      let sum = 0;
      for (let i = row * columns; i < (row + 1) * columns; i++) {
        sum += x[i] * dy[i];
        dx[i] = s[row] * dy[i];
      }
      ds[row] = sum;
    }
  },
  scaleColumns: (x, s, y, columns) => {
    for (let i = 0; i < x.length; i++) y[i] = x[i] * s[Math.floor(((i % columns) * s.length) / columns)];
  },
  scale: (x, factor, y) => {
    for (let i = 0; i < x.length; i++) y[i] = Math.fround(factor) * x[i];
  },
  center: (x, y, n) => {
    for (let start = 0; start < x.length; start += n) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += x[start + i];
      for (let i = 0; i < n; i++) y[start + i] = x[start + i] - sum / n;
    }
  },
  meanRows: (x, count, y, columns) => {
    for (let i = 0; i < y.length; i++) {
      const first = Math.floor(i / columns) * count * columns + (i % columns);
      let sum = 0;
      for (let row = 0; row < count; row++) sum += x[first + row * columns];
      y[i] = sum / count;
    }
  },
  meanRowsBackward: (dy, count, dx, columns) => {
    for (let i = 0; i < dx.length; i++) {
      const row = Math.floor(i / (columns * count));
      dx[i] = dy[row * columns + (i % columns)] / count;
    }
  },
  roundToBits: (x, bits, y) => {
    const most = 2 ** (bits - 1) - 1;
    for (let from = 0; from < x.length; from += GROUP) {
      const end = Math.min(from + GROUP, x.length);
      let largest = 0;
      for (let i = from; i < end; i++) largest = Math.max(largest, Math.abs(x[i]));
      const step = largest / most;
      for (let i = from; i < end; i++) y[i] = bits >= 16 ? x[i] : step === 0 ? 0 : step * Math.round(x[i] / step);
    }
  },
};
