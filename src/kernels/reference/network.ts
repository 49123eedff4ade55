import type { Kernels } from '../contract.ts';

type NetworkKernels = Pick<Kernels, 'rmsNorm' | 'rmsNormBackward' | 'rope' | 'add' | 'addBias'>;

function inverseRms(x: Float32Array, start: number, n: number, epsilon: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += x[start + i] ** 2;
  return 1 / Math.sqrt(sum / n + epsilon);
}

export const networkKernels: NetworkKernels = {
  rmsNorm: (x, gain, y, n, epsilon) => {
    for (let start = 0; start < x.length; start += n) {
      const factor = inverseRms(x, start, n, epsilon);
      for (let i = 0; i < n; i++) y[start + i] = x[start + i] * factor * gain[i];
    }
  },

  // With r = 1/rms: dx = r·g∘dy − x·r³/n·Σ g∘dy∘x.
  rmsNormBackward: (x, gain, dy, dx, n, epsilon) => {
    for (let start = 0; start < x.length; start += n) {
      const factor = inverseRms(x, start, n, epsilon);
      let inner = 0;
      for (let i = 0; i < n; i++) inner += gain[i] * dy[start + i] * x[start + i];
      const shrink = (inner * factor ** 3) / n;
      for (let i = 0; i < n; i++) dx[start + i] = factor * gain[i] * dy[start + i] - x[start + i] * shrink;
    }
  },

  rope: (x, positions, table, { heads, headDim, dimensions, style }, inverse = false) => {
    const half = dimensions / 2;
    for (let row = 0; row < positions.length * heads; row++) {
      const angles = positions[Math.floor(row / heads)] * dimensions;
      for (let i = 0; i < half; i++) {
        const first = row * headDim + (style === 'interleaved' ? 2 * i : i);
        const second = style === 'interleaved' ? first + 1 : first + half;
        const cos = table[angles + 2 * i];
        const sin = inverse ? -table[angles + 2 * i + 1] : table[angles + 2 * i + 1];
        const a = x[first];
        const b = x[second];
        x[first] = a * cos - b * sin;
        x[second] = a * sin + b * cos;
      }
    }
  },

  add: (y, x) => {
    for (let i = 0; i < y.length; i++) y[i] += x[i];
  },

  addBias: (y, bias) => {
    for (let i = 0; i < y.length; i++) y[i] += bias[i % bias.length];
  },
};
