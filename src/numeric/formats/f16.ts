import { decodeF16, encodeF16 } from '../../core/float16.ts';
import type { NumberFormat } from '../types.ts';

/** IEEE 754 binary16. */
export const F16: NumberFormat = {
  name: 'F16',
  blockSize: 1,
  blockBytes: 2,
  gguf: { type: 1, fileType: 1 },
  safetensors: 'F16',
  decodeBlocks: (blocks, values) => decodeF16(blocks, values),
  encodeBlocks: (values, blocks) => encodeF16(values, blocks),
};
