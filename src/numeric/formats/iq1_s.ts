import { readF16, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { CodeBook } from '../search/points/codebook.ts';
import { IQ1_BOOK } from './iq_books.ts';

/**
 *   0        2                    34                     50
 *   ├ d  f16 ┼ 32: entries, low 8 ┼ 8 × u16 ─────────────┤   value = d·(2 a + 1)·(IQ1_BOOK[entry] ± IQ1_DELTA)
 * word of 32 values: bits 3 k … 3 k + 2 are the high bits of entry k, bits 12 … 14 are a, bit 15 means −.
 * @see llama.cpp ggml-common.h, block_iq1_s
 */
const BLOCK_BYTES = 50;

/** Shift of all points of a group. @see llama.cpp ggml-common.h, IQ1S_DELTA */
export const IQ1_DELTA = 0.125;

/** IQ1_BOOK + IQ1_DELTA and IQ1_BOOK − IQ1_DELTA, in eighths. */
export const IQ1_SHIFTED = [1, -1].map(
  (sign) =>
    new CodeBook(
      IQ1_BOOK.map((level) => 8 * level + sign),
      8,
      'none',
    ),
);
/** Starts of the scale search of both formats. */
export const IQ1_STARTS = [1.8, 1.4, 1.1];

export const IQ1_S = pointFormat({
  name: 'IQ1_S',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 19, fileType: 24 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let k = 0; k < 32; k++) {
        const word = blocks[at + 34 + 2 * (k >> 2)] | (blocks[at + 35 + 2 * (k >> 2)] << 8);
        const scale = d * (2 * ((word >> 12) & 7) + 1);
        const delta = word & 0x8000 ? -IQ1_DELTA : IQ1_DELTA;
        const entry = blocks[at + 2 + k] | (((word >> (3 * (k & 3))) & 7) << 8);
        for (let l = 0; l < 8; l++) values[i + 8 * k + l] = scale * (IQ1_BOOK[8 * entry + l] + delta);
      }
    }
  },
  points: {
    subBlock: 32,
    books: IQ1_SHIFTED,
    fit: fitPointScale(
      { books: IQ1_SHIFTED, subBlock: 32, unit: IQ1_DELTA, highest: 7, starts: IQ1_STARTS },
      BLOCK_BYTES,
      (blocks, at, d, a, which) => {
        writeF16(blocks, at, d);
        for (let j = 0; j < 8; j++) blocks[at + 35 + 2 * j] = (a[j] << 4) | (which[j] << 7);
      },
    ),
    pack({ entries }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const at = BLOCK_BYTES * (k >> 5);
        const word = at + 34 + 2 * ((k & 31) >> 2);
        const high = (entries[k] >> 8) << (3 * (k & 3));
        blocks[at + 2 + (k & 31)] = entries[k];
        blocks[word] |= high;
        blocks[word + 1] |= high >> 8;
      }
    },
  },
});
