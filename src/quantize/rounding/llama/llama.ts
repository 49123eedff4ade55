import { BitbudgetError } from '../../../core/errors.ts';
import { rowBytes } from '../../../numeric/table.ts';
import type { RoundingMethod } from '../../types.ts';
import { blockMakers } from './blocks.ts';

/**
 * Rounding as llama-quantize does it, so that its files can be compared with where they are not at hand. The curvature's diagonal is the
 * importance matrix, mean x² of every column; one that is the same everywhere counts as none.
 * @throws BitbudgetError for types that its Q4_K_M and Q8_0 do not use
 */
export const llama: RoundingMethod = {
  name: 'llama-quantize',
  prepare(_, { columns, diagonal }) {
    const importance = diagonal.every((value) => value === diagonal[0]) ? undefined : diagonal;
    return (format, weight, blocks) => {
      const make = blockMakers[format.name];
      if (make === undefined || format.grid === undefined)
        throw new BitbudgetError(
          `${format.name}: llama-quantize's rounding is known for ${Object.keys(blockMakers).join(', ')}`,
        );
      const stride = rowBytes(format, columns);
      const codes = new Uint8Array(columns);
      for (let row = 0; row < weight.length / columns; row++) {
        const into = blocks.subarray(row * stride, (row + 1) * stride);
        make(weight.subarray(row * columns, (row + 1) * columns), importance, codes, into);
        format.grid.pack(codes, into);
      }
    };
  },
};
