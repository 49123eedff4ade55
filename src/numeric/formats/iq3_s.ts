import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { IQ3_S_BOOK } from './iq_books.ts';
import { packPairs, writePoint } from './iq_points.ts';

/**
 *   0        2                    66                   74            106       110
 *   ├ d  f16 ┼ 64: entries, low 8 ┼ 8: entries, high ──┼ 32: signs ──┼ 4: a ───┤
 * value = ±d·(2 a + 1)·IQ3_S_BOOK[entry]; bit k of high byte j is bit 8 of entry 8 j + k; bit i of sign byte k belongs to
 * value 8 k + i; a: 4 bits per 32 values, low half first.
 * @see llama.cpp ggml-common.h, block_iq3_s
 */
const BLOCK_BYTES = 110;
const BOOK = new CodeBook(IQ3_S_BOOK, 4, 'free');

export const IQ3_S = pointFormat({
  name: 'IQ3_S',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 21, fileType: 26 },
  halves: [0],
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
  points: {
    subBlock: 32,
    books: [BOOK],
    fit: fitPointScale(
      { books: [BOOK], subBlock: 32, unit: 1, highest: 15, starts: [1, 0.85, 1.2] },
      BLOCK_BYTES,
      (blocks, at, d, a) => {
        writeF16(blocks, at, d);
        packPairs(a, blocks, at + 106, 8);
      },
    ),
    pack({ entries, signs }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const at = BLOCK_BYTES * (k >> 6);
        const l = k & 63;
        blocks[at + 2 + l] = entries[k];
        blocks[at + 66 + (l >> 3)] |= (entries[k] >> 8) << (l & 7);
      }
      for (let k = 0; k < signs.length; k++) blocks[BLOCK_BYTES * (k >> 5) + 74 + (k & 31)] = signs[k];
    },
  },
});
