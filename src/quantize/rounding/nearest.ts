import { encodeRows } from '../../numeric/table.ts';
import type { RoundingMethod } from '../types.ts';

/**
 * Nearest rounding: every block on its own, scales searched for the least Σ A_jj·(w_j − q_j)².
 * With A_jj = E[x_j²] this is what llama-quantize does with an importance matrix.
 */
export const nearest: RoundingMethod = {
  name: 'nearest',
  prepare(kernels, { columns, diagonal }) {
    return (format, weight, blocks) => void encodeRows(format, weight, columns, diagonal, blocks, kernels);
  },
};
