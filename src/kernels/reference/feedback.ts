import type { Kernels, RoundBlockTask } from '../contract.ts';

export const feedbackKernels: Pick<Kernels, 'feedbackFactor' | 'roundBlock'> = {
  // h = U·D·Uᵀ with U unit upper triangular, by elimination from the last column to the first.
  feedbackFactor: (h, u, n) => {
    const a = Float64Array.from(h);
    u.fill(0);
    for (let j = n - 1; j >= 0; j--) {
      const pivot = a[j * n + j];
      if (!(pivot > 0 && pivot < Infinity)) return false;
      for (let i = 0; i < j; i++) {
        const factor = a[i * n + j] / pivot;
        u[i * n + j] = factor;
        for (let k = 0; k <= i; k++) a[k * n + i] -= a[k * n + j] * factor;
      }
      u[j * n + j] = 1;
    }
    return true;
  },

  roundBlock: (task) => {
    for (let row = 0; row < task.rows; row++) roundRow(task, row);
  },
};

function roundRow(task: RoundBlockTask, row: number): void {
  const { columns, weight, target, u, scale, offset, subBlocks, subBlock, levels, codes, error } = task;
  const start = row * columns;
  const consecutive = levels.every((level, i) => level === Math.round(levels[0]) + i);
  for (let j = 0; j < columns; j++) {
    const s = scale[row * subBlocks + subBlock[j]];
    const o = offset[row * subBlocks + subBlock[j]];
    const x = s === 0 ? 0 : Math.fround(Math.fround(target[start + j] - o) / s);
    const code = nearestLevel(levels, x, consecutive);
    // Rounded after every operation, as decoders compute it.
    const value = Math.fround(Math.fround(s * levels[code]) + o);
    const e = Math.fround(weight[start + j] - value);
    codes[start + j] = code;
    error[start + j] = e;
    for (let k = j + 1; k < columns; k++) target[start + k] += e * u[j * columns + k];
  }
}

/** Index of the level nearest to x; of two equally near, the even one of consecutive integers, otherwise the lower. */
function nearestLevel(levels: Float32Array, x: number, consecutive: boolean): number {
  const inside = Math.min(Math.max(x, levels[0]), levels[levels.length - 1]);
  let best = 0;
  for (let i = 1; i < levels.length; i++) {
    const [near, nearest] = [Math.abs(levels[i] - inside), Math.abs(levels[best] - inside)];
    if (near < nearest || (near === nearest && consecutive && levels[i] % 2 === 0)) best = i;
  }
  return best;
}
