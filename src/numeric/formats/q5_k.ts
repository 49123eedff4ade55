import { readF16 } from '../../core/float16.ts';
import { fitSuperAffine } from '../fit/asymmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { affineSearch } from '../search/grid/affine.ts';
import { readMinimum, readScale, writeScales } from './k_scales.ts';

/**
 *   0        2           4                16                48              176
 *   ├ d  f16 ┼ dmin  f16 ┼ 12 bytes: a, b ┼ 32: high bits ──┼ 128: low bits ─┤
 * value = (d·a)·q − dmin·b, a and b six bits per 32 elements (see k_scales.ts).
 * Low 4 bits of q as in Q4_K; bit j of high byte l is bit 4 of q of element 32 j + l.
 * @see llama.cpp ggml-common.h, block_q5_K
 */
const BLOCK_BYTES = 176;

export const Q5_K = gridFormat({
  name: 'Q5_K',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 13, fileType: 17 },
  halves: [0, 2],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      const dmin = readF16(blocks, at + 2);
      for (let j = 0; j < 8; j++) {
        const scale = d * readScale(blocks, at + 4, j);
        const minimum = dmin * readMinimum(blocks, at + 4, j);
        const from = at + 48 + 32 * (j >> 1);
        const shift = 4 * (j & 1);
        for (let l = 0; l < 32; l++) {
          const high = ((blocks[at + 16 + l] >> j) & 1) << 4;
          values[i + 32 * j + l] = scale * (((blocks[from + l] >> shift) & 15) | high) - minimum;
        }
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: integerLevels(0, 31),
    fit: fitSuperAffine(
      {
        subBlocks: 8,
        subBlock: 32,
        highest: 63,
        search: affineSearch(31, false),
      },
      BLOCK_BYTES,
      writeScales,
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 16; i < codes.length; i += 256, at += BLOCK_BYTES) {
        for (let l = 0; l < 32; l++) {
          let high = 0;
          for (let j = 0; j < 8; j++) high |= (codes[i + 32 * j + l] >> 4) << j;
          blocks[at + l] = high;
          for (let c = 0; c < 4; c++) {
            const from = i + 64 * c + l;
            blocks[at + 32 + 32 * c + l] = (codes[from] & 15) | ((codes[from + 32] & 15) << 4);
          }
        }
      }
    },
  },
});
