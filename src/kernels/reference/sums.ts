import type { SumKernels } from '../contract/sums.ts';

export const sumKernels: SumKernels = {
  rowEnergy: (g, energy, weight) => {
    for (let t = 0, at = 0; t < weight.length; t++) {
      let norm = 0;
      for (let i = 0; i < energy.length; i++, at++) {
        const square = g[at] * g[at];
        energy[i] += square;
        norm += square;
      }
      weight[t] = norm;
    }
  },

  columnEnergy: (x, energy, columns) => {
    for (let at = 0; at < x.length; at++) energy[at % columns] += x[at] * x[at];
  },

  sketch: (change, g, width, stride, length, sums) => {
    const sequences = sums.innerProducts.length;
    const rows = change.length / (sequences * length);
    for (let s = 0; s < sequences; s++) {
      const perRow = new Float64Array(rows);
      for (let t = s * length; t < (s + 1) * length; t++) {
        let squares = 0;
        for (let r = 0; r < rows; r++) {
          const product = change[t * rows + r] * g[t * width + r * stride];
          perRow[r] += product;
          squares += product * product;
        }
        sums.tokenProducts[s] += squares;
      }
      let inner = 0;
      for (const value of perRow) {
        inner += value;
        sums.rowProducts[s] += value * value;
      }
      sums.innerProducts[s] += inner;
      sums.squares[s] += inner * inner;
    }
  },

  sketchHead: (change, g, width, stride, length, sums) => {
    const sequences = sums.innerProducts.length;
    const rows = change.length / (sequences * length);
    for (let t = 0; t < sequences * length; t++) {
      const s = Math.floor(t / length);
      let inner = 0;
      let mean = 0;
      let square = 0;
      let byRows = 0;
      for (let r = 0; r < rows; r++) {
        const gradient = g[t * width + r * stride];
        const p = gradient > 0 ? 1 - gradient : -gradient;
        const y = change[t * rows + r];
        inner += gradient * y;
        mean += p * y;
        square += p * y * y;
        byRows += p * (1 - p) * y * y;
      }
      sums.innerProducts[s] += inner;
      sums.squares[s] += square - mean * mean;
      sums.rowProducts[s] += byRows;
      sums.tokenProducts[s] += byRows;
    }
  },
};
