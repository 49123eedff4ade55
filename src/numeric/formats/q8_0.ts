import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                                34
 *   ├ d  f16 ┼ 32 × int8 ──────────────────────┤   value = d·q
 * The encoder keeps to −127 … 127, so that products of two such blocks fit integer kernels that negate.
 * @see llama.cpp ggml-common.h, block_q8_0
 */
const BLOCK_BYTES = 34;
const LEVELS = integerLevels(-127, 127);

export const Q8_0 = gridFormat({
  name: 'Q8_0',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 8, fileType: 7 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 32; j++) values[i + j] = d * ((blocks[at + 2 + j] << 24) >> 24);
    }
  },
  grid: {
    subBlock: 32,
    levels: LEVELS,
    fit: fitScale(32, BLOCK_BYTES, 0, scaleSearch(LEVELS, [-127, -124, -126, -122, 125, -120.2, -123, 127.6])),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 32, at += BLOCK_BYTES) {
        for (let j = 0; j < 32; j++) blocks[at + 2 + j] = codes[i + j] - 127;
      }
    },
  },
});
