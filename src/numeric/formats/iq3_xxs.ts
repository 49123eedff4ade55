import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { EVEN_SIGNS, IQ3_XXS_BOOK } from './iq_books.ts';
import { orBits, writePoint } from './iq_points.ts';

/**
 *   0        2                 66                            98
 *   ├ d  f16 ┼ 64 entries u8 ──┼ 8 × u32: signs and scale ───┤   value = ±d·(a + ½)/2·IQ3_XXS_BOOK[entry]
 * word of 32 values: bits 7 k … 7 k + 6 are the signs of entries 2 k and 2 k + 1 (EVEN_SIGNS), bits 28 … 31 are a.
 * @see llama.cpp ggml-common.h, block_iq3_xxs
 */
const BLOCK_BYTES = 98;
const BOOK = new CodeBook(IQ3_XXS_BOOK, 4, 'even');

export const IQ3_XXS = pointFormat({
  name: 'IQ3_XXS',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 18, fileType: 23 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 8; j++) {
        const from = at + 66 + 4 * j;
        const word = blocks[from] | (blocks[from + 1] << 8) | (blocks[from + 2] << 16) | (blocks[from + 3] << 24);
        const scale = d * (0.5 + (word >>> 28)) * 0.5;
        for (let k = 0; k < 8; k++) {
          const signs = EVEN_SIGNS[(word >>> (7 * (k >> 1))) & 127] >> (4 * (k & 1));
          writePoint(values, i + 32 * j + 4 * k, IQ3_XXS_BOOK, blocks[at + 2 + 8 * j + k], 4, scale, signs);
        }
      }
    }
  },
  points: {
    subBlock: 32,
    books: [BOOK],
    fit: fitPointScale(
      { books: [BOOK], subBlock: 32, unit: 1 / 4, highest: 15, starts: [1, 0.85, 1.2] },
      BLOCK_BYTES,
      (blocks, at, d, a) => {
        writeF16(blocks, at, d);
        for (let j = 0; j < 8; j++) blocks[at + 69 + 4 * j] = a[j] << 4;
      },
    ),
    pack({ entries, signs }, blocks) {
      for (let k = 0; k < entries.length; k++) blocks[BLOCK_BYTES * (k >> 6) + 2 + (k & 63)] = entries[k];
      for (let k = 0; k < signs.length; k++) {
        orBits(blocks, BLOCK_BYTES * (k >> 5) + 66 + 4 * ((k & 31) >> 2), 7 * (k & 3), signs[k] & 127);
      }
    },
  },
});
