import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packHighBits, packNibbles, readHighBits } from '../nibbles.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                6                22
 *   ├ d  f16 ┼ 32 high bits ──┼ 16 bytes ──────┤   value = d·(q − 16)
 * Byte j holds the low 4 bits of q of elements j (low half) and j + 16 (high half); high bit i belongs to element i.
 * @see llama.cpp ggml-common.h, block_q5_0
 */
const BLOCK_BYTES = 22;
const LEVELS = integerLevels(-16, 15);

export const Q5_0 = gridFormat({
  name: 'Q5_0',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 6, fileType: 8 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      const high = readHighBits(blocks, at + 2);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * (((blocks[at + 6 + j] & 15) | (((high >>> j) & 1) << 4)) - 16);
        values[i + j + 16] = d * (((blocks[at + 6 + j] >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: LEVELS,
    fit: fitScale(32, BLOCK_BYTES, 0, scaleSearch(LEVELS, [-16.2, -15, -17.2, 14, -15.8, -18, -13, 15.4])),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 32, at += BLOCK_BYTES) {
        packHighBits(codes, i, blocks, at + 2);
        packNibbles(codes, i, blocks, at + 6);
      }
    },
  },
});
