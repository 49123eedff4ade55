import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packNibbles } from '../nibbles.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                                18
 *   ├ d  f16 ┼ 16 bytes ───────────────────────┤   value = d·(q − 8)
 * Byte j holds q of elements j (low half) and j + 16 (high half).
 * @see llama.cpp ggml-common.h, block_q4_0
 */
const BLOCK_BYTES = 18;
const LEVELS = integerLevels(-8, 7);

export const Q4_0 = gridFormat({
  name: 'Q4_0',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 2, fileType: 2 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * ((blocks[at + 2 + j] & 15) - 8);
        values[i + j + 16] = d * ((blocks[at + 2 + j] >> 4) - 8);
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: LEVELS,
    fit: fitScale(32, BLOCK_BYTES, 0, scaleSearch(LEVELS, [-8.4, -7.8, -9.8, -7, -9, 8.6, 7.4, 6.2])),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 32, at += BLOCK_BYTES) {
        packNibbles(codes, i, blocks, at + 2);
      }
    },
  },
});
