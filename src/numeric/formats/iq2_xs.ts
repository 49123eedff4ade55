import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { EVEN_SIGNS, IQ2_XS_BOOK } from './iq_books.ts';
import { packPairs, writePoint } from './iq_points.ts';

/**
 *   0        2                                66               74
 *   ├ d  f16 ┼ 32 × u16: entry, signs ────────┼ 8 bytes: a ────┤   value = ±d·(a + ½)/4·IQ2_XS_BOOK[entry]
 * word: entry in the low 9 bits, signs (EVEN_SIGNS) above; a: 4 bits per 16 values, low half first.
 * @see llama.cpp ggml-common.h, block_iq2_xs
 */
const BLOCK_BYTES = 74;
const BOOK = new CodeBook(IQ2_XS_BOOK, 8, 'even');

export const IQ2_XS = pointFormat({
  name: 'IQ2_XS',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 17, fileType: 20 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let k = 0; k < 32; k++) {
        const a = (blocks[at + 66 + (k >> 2)] >> (4 * ((k >> 1) & 1))) & 15;
        const word = blocks[at + 2 + 2 * k] | (blocks[at + 3 + 2 * k] << 8);
        const scale = d * (0.5 + a) * 0.25;
        writePoint(values, i + 8 * k, IQ2_XS_BOOK, word & 511, 8, scale, EVEN_SIGNS[word >> 9]);
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
        packPairs(a, blocks, at + 66, 16);
      },
    ),
    pack({ entries, signs }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const word = entries[k] | ((signs[k] & 127) << 9);
        const at = BLOCK_BYTES * (k >> 5) + 2 + 2 * (k & 31);
        blocks[at] = word;
        blocks[at + 1] = word >> 8;
      }
    },
  },
});
