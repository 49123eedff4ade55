import { readF16 } from '../../core/float16.ts';
import { fitAffine } from '../fit/asymmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packHighBits, packNibbles, readHighBits } from '../nibbles.ts';
import { affineSearch } from '../search/grid/affine.ts';

/**
 *   0        2        4               8         24
 *   ├ d  f16 ┼ m  f16 ┼ 32 high bits ─┼ 16 bytes ┤   value = d·q + m
 * Byte j holds the low 4 bits of q of elements j (low half) and j + 16 (high half); high bit i belongs to element i.
 * @see llama.cpp ggml-common.h, block_q5_1
 */
const BLOCK_BYTES = 24;

export const Q5_1 = gridFormat({
  name: 'Q5_1',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 7, fileType: 9 },
  halves: [0, 2],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      const m = readF16(blocks, at + 2);
      const high = readHighBits(blocks, at + 4);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * ((blocks[at + 8 + j] & 15) | (((high >>> j) & 1) << 4)) + m;
        values[i + j + 16] = d * ((blocks[at + 8 + j] >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m;
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: integerLevels(0, 31),
    fit: fitAffine(32, BLOCK_BYTES, affineSearch(31, true)),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 32, at += BLOCK_BYTES) {
        packHighBits(codes, i, blocks, at + 4);
        packNibbles(codes, i, blocks, at + 8);
      }
    },
  },
});
