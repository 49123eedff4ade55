import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                  18
 *   ├ d  f16 ┼ 128 bits ────────┤   value = bit ? d : −d, first value lowest
 * @see llama.cpp ggml-common.h, block_q1_0
 */
const BLOCK_BYTES = 18;

const LEVELS = Float32Array.of(-1, 1);

export const Q1_0 = gridFormat({
  name: 'Q1_0',
  blockSize: 128,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 41, fileType: 40, recent: true },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 128, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let k = 0; k < 16; k++) {
        const bits = blocks[at + 2 + k];
        for (let j = 0; j < 8; j++) values[i + 8 * k + j] = d * (((bits >> j) & 1) * 2 - 1);
      }
    }
  },
  grid: {
    subBlock: 128,
    levels: LEVELS,
    fit: fitScale(128, BLOCK_BYTES, 0, scaleSearch(LEVELS, [1])),
    pack(codes, blocks) {
      for (let i = 0; i < codes.length; i++) {
        blocks[BLOCK_BYTES * (i >> 7) + 2 + ((i & 127) >> 3)] |= codes[i] << (i & 7);
      }
    },
  },
});
