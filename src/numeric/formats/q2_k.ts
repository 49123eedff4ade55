import { readF16, writeF16 } from '../../core/float16.ts';
import { fitSuperAffine } from '../fit/asymmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packTwoBits } from '../nibbles.ts';
import { affineSearch } from '../search/grid/affine.ts';

/**
 *   0                16                         80       82          84
 *   ├ 16 bytes: a, b ┼ 64 bytes: 2-bit codes ───┼ d  f16 ┼ dmin  f16 ┤
 * value = (d·a)·q − dmin·b; byte j of the first part holds a (low half) and b (high half) of elements 16 j … 16 j + 15.
 * Byte 32 h + l of the codes holds elements 128 h + 32 k + l at bits 2 k, k = 0 … 3.
 * @see llama.cpp ggml-common.h, block_q2_K
 */
const BLOCK_BYTES = 84;

export const Q2_K = gridFormat({
  name: 'Q2_K',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 10, fileType: 10 },
  halves: [80, 82],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at + 80);
      const dmin = readF16(blocks, at + 82);
      for (let j = 0; j < 16; j++) {
        const scale = d * (blocks[at + j] & 15);
        const minimum = dmin * (blocks[at + j] >> 4);
        const from = at + 16 + 32 * (j >> 3) + 16 * (j & 1);
        const shift = 2 * ((j >> 1) & 3);
        for (let l = 0; l < 16; l++) values[i + 16 * j + l] = scale * ((blocks[from + l] >> shift) & 3) - minimum;
      }
    }
  },
  grid: {
    subBlock: 16,
    levels: integerLevels(0, 3),
    fit: fitSuperAffine(
      {
        subBlocks: 16,
        subBlock: 16,
        highest: 15,
        search: affineSearch(3, false),
      },
      BLOCK_BYTES,
      (blocks, at, { d, dmin, a, b }) => {
        for (let j = 0; j < 16; j++) blocks[at + j] = a[j] | (b[j] << 4);
        writeF16(blocks, at + 80, d);
        writeF16(blocks, at + 82, dmin);
      },
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 16; i < codes.length; i += 256, at += BLOCK_BYTES) packTwoBits(codes, i, blocks, at);
    },
  },
});
