import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                          18
 *   ├ d  f16 ┼ 64 × 2-bit codes ────────┤   value = d·(q − 1), first value lowest
 * @see llama.cpp ggml-common.h, block_q2_0
 */
const BLOCK_BYTES = 18;

const LEVELS = integerLevels(-1, 2);

export const Q2_0 = gridFormat({
  name: 'Q2_0',
  blockSize: 64,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 42, fileType: 41, recent: true },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 64, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 64; j++) values[i + j] = d * (((blocks[at + 2 + (j >> 2)] >> (2 * (j & 3))) & 3) - 1);
    }
  },
  grid: {
    subBlock: 64,
    levels: LEVELS,
    fit: fitScale(64, BLOCK_BYTES, 0, scaleSearch(LEVELS, [2, -1, 1.6, 2.4, -1.4, 1, -1.8, 3])),
    pack(codes, blocks) {
      for (let i = 0; i < codes.length; i++) {
        blocks[BLOCK_BYTES * (i >> 6) + 2 + ((i & 63) >> 2)] |= codes[i] << (2 * (i & 3));
      }
    },
  },
});
