import { readF16, writeF16 } from '../../core/float16.ts';
import { fitSuperScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { packTwoBits } from '../nibbles.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0                32                          96                  108      110
 *   ├ 32: high bits ─┼ 64 bytes: low 2 bits ─────┼ 12 bytes: scales ─┼ d  f16 ┤
 * value = (d·(a − 32))·(q − 4), a six bits per 16 elements.
 * Low bits of q as in Q2_K; bit j of high byte l is bit 2 of q of element 32 j + l.
 * Scales: low 4 bits of a[j] in byte j (low half) for j < 8, in byte j − 8 (high half) from 8;
 * high 2 bits of a[j] in byte 8 + j % 4 at bits 2·⌊j/4⌋.
 * @see llama.cpp ggml-common.h, block_q3_K
 */
const BLOCK_BYTES = 110;
const LEVELS = integerLevels(-4, 3);

export const Q3_K = gridFormat({
  name: 'Q3_K',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 11, fileType: 12 },
  halves: [108],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at + 108);
      for (let j = 0; j < 16; j++) {
        const low = (blocks[at + 96 + (j & 7)] >> (4 * (j >> 3))) & 15;
        const scale = d * ((low | (((blocks[at + 104 + (j & 3)] >> (2 * (j >> 2))) & 3) << 4)) - 32);
        const from = at + 32 + 32 * (j >> 3) + 16 * (j & 1);
        const shift = 2 * ((j >> 1) & 3);
        for (let l = 0; l < 16; l++) {
          const high = ((blocks[at + 16 * (j & 1) + l] >> (j >> 1)) & 1) << 2;
          values[i + 16 * j + l] = scale * ((((blocks[from + l] >> shift) & 3) | high) - 4);
        }
      }
    }
  },
  grid: {
    subBlock: 16,
    levels: LEVELS,
    fit: fitSuperScale(
      {
        subBlocks: 16,
        subBlock: 16,
        lowest: -32,
        highest: 31,
        search: scaleSearch(LEVELS, [-4.2, -5.2, -3.2, -3.8, 5, -6, 2.8]),
        reach: 0,
      },
      BLOCK_BYTES,
      writeScales,
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 256, at += BLOCK_BYTES) {
        for (let l = 0; l < 32; l++) {
          let high = 0;
          for (let j = 0; j < 8; j++) high |= (codes[i + 32 * j + l] >> 2) << j;
          blocks[at + l] = high;
        }
        packTwoBits(codes, i, blocks, at + 32);
      }
    },
  },
});

function writeScales(blocks: Uint8Array, at: number, d: number, integers: Int32Array): void {
  for (let j = 0; j < 16; j++) {
    const a = integers[j] + 32;
    blocks[at + 96 + (j & 7)] |= (a & 15) << (4 * (j >> 3));
    blocks[at + 104 + (j & 3)] |= (a >> 4) << (2 * (j >> 2));
  }
  writeF16(blocks, at + 108, d);
}
