import { readF16 } from '../../core/float16.ts';
import { fitAffine } from '../fit/asymmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packNibbles } from '../nibbles.ts';
import { affineSearch } from '../search/grid/affine.ts';

/**
 *   0        2        4                       20
 *   ├ d  f16 ┼ m  f16 ┼ 16 bytes ──────────────┤   value = d·q + m
 * Byte j holds q of elements j (low half) and j + 16 (high half).
 * @see llama.cpp ggml-common.h, block_q4_1
 */
const BLOCK_BYTES = 20;

export const Q4_1 = gridFormat({
  name: 'Q4_1',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 3, fileType: 3 },
  halves: [0, 2],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      const m = readF16(blocks, at + 2);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * (blocks[at + 4 + j] & 15) + m;
        values[i + j + 16] = d * (blocks[at + 4 + j] >> 4) + m;
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: integerLevels(0, 15),
    fit: fitAffine(32, BLOCK_BYTES, affineSearch(15, true)),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 32, at += BLOCK_BYTES) {
        packNibbles(codes, i, blocks, at + 4);
      }
    },
  },
});
