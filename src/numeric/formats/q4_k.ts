import { readF16 } from '../../core/float16.ts';
import { fitSuperAffine } from '../fit/asymmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { affineSearch } from '../search/grid/affine.ts';
import { readMinimum, readScale, writeScales } from './k_scales.ts';

/**
 *   0        2           4                16                                144
 *   ├ d  f16 ┼ dmin  f16 ┼ 12 bytes: a, b ┼ 128 bytes ──────────────────────┤
 * value = (d·a)·q − dmin·b, a and b six bits per 32 elements (see k_scales.ts).
 * Byte 32 c + l of the last part holds q of elements 64 c + l (low half) and 64 c + 32 + l (high half).
 * @see llama.cpp ggml-common.h, block_q4_K
 */
const BLOCK_BYTES = 144;

export const Q4_K = gridFormat({
  name: 'Q4_K',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 12, fileType: 15 },
  halves: [0, 2],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      const dmin = readF16(blocks, at + 2);
      for (let j = 0; j < 8; j++) {
        const scale = d * readScale(blocks, at + 4, j);
        const minimum = dmin * readMinimum(blocks, at + 4, j);
        const from = at + 16 + 32 * (j >> 1);
        const shift = 4 * (j & 1);
        for (let l = 0; l < 32; l++) values[i + 32 * j + l] = scale * ((blocks[from + l] >> shift) & 15) - minimum;
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: integerLevels(0, 15),
    fit: fitSuperAffine(
      {
        subBlocks: 8,
        subBlock: 32,
        highest: 63,
        search: affineSearch(15, false),
      },
      BLOCK_BYTES,
      writeScales,
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 16; i < codes.length; i += 256, at += BLOCK_BYTES) {
        for (let c = 0; c < 4; c++) {
          const from = i + 64 * c;
          for (let l = 0; l < 32; l++) blocks[at + 32 * c + l] = codes[from + l] | (codes[from + 32 + l] << 4);
        }
      }
    },
  },
});
