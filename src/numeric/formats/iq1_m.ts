import { f16ToNumber, writeF16 } from '../../core/float16.ts';
import { fitPointScale } from '../fit/points.ts';
import { pointFormat } from '../points.ts';
import { EitherBook } from '../search/points/eitherbook.ts';
import { IQ1_BOOK } from './iq_books.ts';
import { IQ1_DELTA, IQ1_SHIFTED, IQ1_STARTS } from './iq1_s.ts';

/**
 *   0                    32                      48              56
 *   ├ 32: entries, low 8 ┼ 16: high bits, signs ─┼ 4 × u16 ──────┤   value = d·(2 a + 1)·(IQ1_BOOK[entry] ± IQ1_DELTA)
 * half k % 2 of high byte ⌊k/2⌋: three high bits of entry k, then one bit that means −. Word j of the scales: a of the
 * four groups of 16 from 64 j on at bits 0, 3, 6, 9, and bits 4 j … 4 j + 3 of the binary16 d at bits 12 … 15.
 * @see llama.cpp ggml-common.h, block_iq1_m
 */
const BLOCK_BYTES = 56;
/** Bit 11 of an entry is the sign of its shift. */
const BOOK = new EitherBook(IQ1_SHIFTED[0], IQ1_SHIFTED[1]);
const half = new Uint8Array(2);

export const IQ1_M = pointFormat({
  name: 'IQ1_M',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 29, fileType: 31 },
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      let bits = 0;
      for (let j = 0; j < 4; j++) bits |= (blocks[at + 49 + 2 * j] >> 4) << (4 * j);
      const d = f16ToNumber(bits);
      for (let k = 0; k < 32; k++) {
        const word = blocks[at + 48 + 2 * (k >> 3)] | (blocks[at + 49 + 2 * (k >> 3)] << 8);
        const scale = d * (2 * ((word >> (3 * ((k >> 1) & 3))) & 7) + 1);
        const high = blocks[at + 32 + (k >> 1)] >> (4 * (k & 1));
        const delta = high & 8 ? -IQ1_DELTA : IQ1_DELTA;
        const entry = blocks[at + k] | ((high & 7) << 8);
        for (let l = 0; l < 8; l++) values[i + 8 * k + l] = scale * (IQ1_BOOK[8 * entry + l] + delta);
      }
    }
  },
  points: {
    subBlock: 16,
    books: [BOOK],
    fit: fitPointScale(
      { books: [BOOK], subBlock: 16, unit: IQ1_DELTA, highest: 7, starts: IQ1_STARTS },
      BLOCK_BYTES,
      writeScales,
    ),
    pack({ entries }, blocks) {
      for (let k = 0; k < entries.length; k++) {
        const at = BLOCK_BYTES * (k >> 5);
        blocks[at + (k & 31)] = entries[k];
        blocks[at + 32 + ((k & 31) >> 1)] |= (entries[k] >> 8) << (4 * (k & 1));
      }
    },
  },
});

function writeScales(blocks: Uint8Array, at: number, d: number, a: Int32Array): void {
  writeF16(half, 0, d);
  for (let j = 0; j < 4; j++) {
    const word = a[4 * j] | (a[4 * j + 1] << 3) | (a[4 * j + 2] << 6) | (a[4 * j + 3] << 9);
    blocks[at + 48 + 2 * j] = word;
    blocks[at + 49 + 2 * j] = (word >> 8) | (((half[j >> 1] >> (4 * (j & 1))) & 15) << 4);
  }
}
