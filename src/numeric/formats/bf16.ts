import { decodeBF16, encodeBF16 } from '../../core/float16.ts';
import type { NumberFormat } from '../types.ts';

/** bfloat16: the upper half of binary32. */
export const BF16: NumberFormat = {
  name: 'BF16',
  blockSize: 1,
  blockBytes: 2,
  gguf: { type: 30, fileType: 32 },
  safetensors: 'BF16',
  decodeBlocks: (blocks, values) => decodeBF16(blocks, values),
  encodeBlocks: (values, blocks) => encodeBF16(values, blocks),
};
