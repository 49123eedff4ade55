import { format } from '../../numeric/table.ts';
import type { Kernels } from '../contract.ts';
import { checkPacked, gatherRows, packedFormats, roundsActivations } from '../packedFormats.ts';

/** Values that share one scale when activations are rounded. */
const GROUP = 32;
/** Groups whose largest magnitude is below count as zero: 127 / 1e-30 is still a number. */
const TINY = 1e-30;

export const packedKernels: Pick<Kernels, 'supportsPacked' | 'matmulPacked' | 'gatherRows'> = {
  supportsPacked: (name) => packedFormats.includes(name),
  matmulPacked: (x, w, y, m) => {
    checkPacked(w, m, y, x);
    const k = w.columns;
    const seen = roundsActivations(w.format) ? roundActivations(x.subarray(0, m * k)) : x;
    const { decodeBlocks } = format(w.format);
    const stride = w.blocks.length / w.rows;
    const values = new Float32Array(k);
    for (let row = 0; row < w.rows; row++) {
      decodeBlocks(w.blocks.subarray(row * stride, (row + 1) * stride), values);
      for (let i = 0; i < m; i++) {
        let sum = 0;
        for (let c = 0; c < k; c++) sum += seen[i * k + c] * values[c];
        y[i * w.rows + row] = sum;
      }
    }
  },
  gatherRows: (w, ids, y) => gatherRows(w, ids, y),
};

/**
 * What remains of activations after rounding: per 32 values scale = max|x| / 127, code = x / scale to the nearest
 * integer (ties to even, as float32 arithmetic finds them). A group with NaN or Inf becomes NaN.
 * @param x [groups, 32]
 */
export function roundActivations(x: Float32Array): Float64Array {
  const seen = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += GROUP) {
    let largest = 0;
    for (let i = 0; i < GROUP; i++) largest = Math.max(largest, Math.abs(x[from + i]));
    if (largest < TINY) continue;
    const scale = largest < Infinity ? Math.fround(largest / 127) : Number.NaN;
    const inverse = Math.fround(127 / largest);
    for (let i = 0; i < GROUP; i++) seen[from + i] = scale * nearestEven(Math.fround(x[from + i] * inverse));
  }
  return seen;
}

function nearestEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
