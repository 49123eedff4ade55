import { readF16 } from '../../core/float16.ts';
import type { NumberFormat } from '../types.ts';

/**
 *   0        2                          18
 *   ├ d  f16 ┼ 64 × 2-bit codes ────────┤   value = d·(q − 1), first value lowest
 * @see llama.cpp ggml-common.h, block_q2_0
 */
const BLOCK_BYTES = 18;

export const Q2_0: NumberFormat = {
  name: 'Q2_0',
  blockSize: 64,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 42, fileType: 41 },
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 64, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 64; j++) values[i + j] = d * (((blocks[at + 2 + (j >> 2)] >> (2 * (j & 3))) & 3) - 1);
    }
  },
};
