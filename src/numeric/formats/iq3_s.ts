import { readF16 } from '../../core/float16.ts';
import type { NumberFormat } from '../types.ts';
import { IQ3_S_BOOK } from './iq_books.ts';
import { writePoint } from './iq_points.ts';

/**
 *   0        2                    66                   74            106       110
 *   ├ d  f16 ┼ 64: entries, low 8 ┼ 8: entries, high ──┼ 32: signs ──┼ 4: a ───┤
 * value = ±d·(2 a + 1)·IQ3_S_BOOK[entry]; bit k of high byte j is bit 8 of entry 8 j + k; bit i of sign byte k belongs to
 * value 8 k + i; a: 4 bits per 32 values, low half first.
 * @see llama.cpp ggml-common.h, block_iq3_s
 */
const BLOCK_BYTES = 110;

export const IQ3_S: NumberFormat = {
  name: 'IQ3_S',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 21, fileType: 26 },
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let k = 0; k < 64; k++) {
        const a = (blocks[at + 106 + (k >> 4)] >> (4 * ((k >> 3) & 1))) & 15;
        const entry = blocks[at + 2 + k] | (((blocks[at + 66 + (k >> 3)] >> (k & 7)) & 1) << 8);
        const signs = blocks[at + 74 + (k >> 1)] >> (4 * (k & 1));
        writePoint(values, i + 4 * k, IQ3_S_BOOK, entry, 4, d * (1 + 2 * a), signs);
      }
    }
  },
};
