import { isBlocked } from '../../numeric/table.ts';
import type { Kernels } from '../contract.ts';
import { checkDecode } from '../packedFormats.ts';

export const decodeKernels: Pick<Kernels, 'decodes' | 'decode'> = {
  decodes: () => true,
  decode: (format, bytes, columns, values) => {
    checkDecode(format, bytes, columns, values);
    if (isBlocked(format)) format.decodeBlocks(bytes, values);
    else format.decode(bytes, columns, values);
  },
};
