import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { EVEN_SIGNS, IQ2_XXS_BOOK } from './iq_books.ts';
import { orBits, writePoint } from './iq_points.ts';

/**
 *   0        2                                          66
 *   ├ d  f16 ┼ 8 × (4 entries u8, signs and scale u32) ──┤   value = ±d·(a + ½)/4·IQ2_XXS_BOOK[entry]
 * per 32 values: bits 7 k … 7 k + 6 of the word are the signs of entry k (EVEN_SIGNS), bits 28 … 31 are a.
 * @see llama.cpp ggml-common.h, block_iq2_xxs
 */
const BLOCK_BYTES = 66;
const BOOK = new CodeBook(IQ2_XXS_BOOK, 8, 'even');

export const IQ2_XXS = pointFormat({
  name: 'IQ2_XXS',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 16, fileType: 19 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 8; j++) {
        const from = at + 2 + 8 * j;
        const word = blocks[from + 4] | (blocks[from + 5] << 8) | (blocks[from + 6] << 16) | (blocks[from + 7] << 24);
        const scale = d * (0.5 + (word >>> 28)) * 0.25;
        for (let k = 0; k < 4; k++) {
          const signs = EVEN_SIGNS[(word >>> (7 * k)) & 127];
          writePoint(values, i + 32 * j + 8 * k, IQ2_XXS_BOOK, blocks[from + k], 8, scale, signs);
        }
      }
    }
  },
  points: {
    subBlock: 32,
    books: [BOOK],
    fit: fitPointScale(
      { books: [BOOK], subBlock: 32, unit: 1 / 8, highest: 15, starts: [1.2, 0.95, 1.6] },
      BLOCK_BYTES,
      (blocks, at, d, a) => {
        writeF16(blocks, at, d);
        for (let j = 0; j < 8; j++) blocks[at + 9 + 8 * j] = a[j] << 4;
      },
    ),
    pack({ entries, signs }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const from = BLOCK_BYTES * (k >> 5) + 2 + 8 * ((k & 31) >> 2);
        blocks[from + (k & 3)] = entries[k];
        orBits(blocks, from + 4, 7 * (k & 3), signs[k] & 127);
      }
    },
  },
});
