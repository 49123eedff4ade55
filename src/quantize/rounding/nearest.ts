import type { RoundingMethod, RoundingTask } from '../types.ts';

/**
 * Nearest rounding: every block on its own, scales searched for the least Σ A_jj·(w_j − q_j)².
 * With A_jj = E[x_j²] this is what llama-quantize does with an importance matrix.
 */
export const nearest: RoundingMethod = { name: 'nearest', round };

/** Values encoded at a time: bounds the tiled importance, keeps both in cache. */
const CHUNK_VALUES = 1 << 16;

function round(task: RoundingTask, blocks: Uint8Array): void {
  const { format, rows, columns, weight, curvature } = task;
  const rowBytes = (columns / format.blockSize) * format.blockBytes;
  const step = Math.max(1, Math.min(rows, Math.floor(CHUNK_VALUES / columns)));
  const importance = new Float32Array(step * columns);
  for (let row = 0; row < step; row++) importance.set(curvature.diagonal, row * columns);
  for (let row = 0; row < rows; row += step) {
    const end = Math.min(rows, row + step);
    format.encodeBlocks!(
      weight.subarray(row * columns, end * columns),
      blocks.subarray(row * rowBytes, end * rowBytes),
      importance.subarray(0, (end - row) * columns),
    );
  }
}
