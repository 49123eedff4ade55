import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { IQ2_S_BOOK } from './iq_books.ts';
import { packPairs, writePoint } from './iq_points.ts';

/**
 *   0        2                    34              66                 74          82
 *   ├ d  f16 ┼ 32: entries, low 8 ┼ 32: signs ────┼ 8: entries, high ┼ 8: a ─────┤
 * value = ±d·(a + ½)/4·IQ2_S_BOOK[entry]; byte j of the high part holds bits 8 and 9 of entries 4 j … 4 j + 3;
 * a: 4 bits per 16 values, low half first.
 * @see llama.cpp ggml-common.h, block_iq2_s
 */
const BLOCK_BYTES = 82;
const BOOK = new CodeBook(IQ2_S_BOOK, 8, 'free');

export const IQ2_S = pointFormat({
  name: 'IQ2_S',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 22, fileType: 28 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let k = 0; k < 32; k++) {
        const a = (blocks[at + 74 + (k >> 2)] >> (4 * ((k >> 1) & 1))) & 15;
        const high = (blocks[at + 66 + (k >> 2)] >> (2 * (k & 3))) & 3;
        const entry = blocks[at + 2 + k] | (high << 8);
        writePoint(values, i + 8 * k, IQ2_S_BOOK, entry, 8, d * (0.5 + a) * 0.25, blocks[at + 34 + k]);
      }
    }
  },
  points: {
    subBlock: 16,
    books: [BOOK],
    fit: fitPointScale(
      { books: [BOOK], subBlock: 16, unit: 1 / 8, highest: 15, starts: [1.2, 0.95, 1.6] },
      BLOCK_BYTES,
      (blocks, at, d, a) => {
        writeF16(blocks, at, d);
        packPairs(a, blocks, at + 74, 16);
      },
    ),
    pack({ entries, signs }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const at = BLOCK_BYTES * (k >> 5);
        const l = k & 31;
        blocks[at + 2 + l] = entries[k];
        blocks[at + 34 + l] = signs[k];
        blocks[at + 66 + (l >> 2)] |= (entries[k] >> 8) << (2 * (l & 3));
      }
    },
  },
});
