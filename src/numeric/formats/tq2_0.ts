import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packTwoBits } from '../nibbles.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0                            64       66
 *   ├ 64 bytes of 2-bit codes ───┼ d  f16 ┤   value = d·(q − 1)
 * Byte 32 h + l holds elements 128 h + 32 k + l at bits 2 k, k = 0 … 3.
 * @see llama.cpp ggml-common.h, block_tq2_0
 */
const BLOCK_BYTES = 66;

const LEVELS = integerLevels(-1, 2);

export const TQ2_0 = gridFormat({
  name: 'TQ2_0',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 35, fileType: 37 },
  halves: [64],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at + 64);
      for (let j = 0; j < 8; j++) {
        const from = at + 32 * (j >> 2);
        const shift = 2 * (j & 3);
        for (let l = 0; l < 32; l++) values[i + 32 * j + l] = d * (((blocks[from + l] >> shift) & 3) - 1);
      }
    }
  },
  grid: {
    subBlock: 256,
    levels: LEVELS,
    fit: fitScale(256, BLOCK_BYTES, 64, scaleSearch(LEVELS, [2, -1.4, 2.6, -2.2, 1, -1, 3.2, -1.8])),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 256, at += BLOCK_BYTES) packTwoBits(codes, i, blocks, at);
    },
  },
});
