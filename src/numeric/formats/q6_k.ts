import { readF16, writeF16 } from '../../core/float16.ts';
import { fitSuperScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0                        128                   192                208      210
 *   ├ 128 bytes: low 4 bits ─┼ 64: high 2 bits ────┼ 16 × int8: a ────┼ d  f16 ┤
 * value = (d·a)·(q − 32), a per 16 elements. In each half h of 128 elements, l = 0 … 31:
 * low byte 64 h + l holds elements l (low half) and l + 64 (high half), byte 64 h + 32 + l holds l + 32 and l + 96;
 * high byte 32 h + l holds elements l, l + 32, l + 64, l + 96 at bits 0, 2, 4, 6.
 * @see llama.cpp ggml-common.h, block_q6_K
 */
const BLOCK_BYTES = 210;
const LEVELS = integerLevels(-32, 31);

export const Q6_K = gridFormat({
  name: 'Q6_K',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 14, fileType: 18 },
  halves: [208],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at + 208);
      for (let j = 0; j < 16; j++) {
        const scale = d * ((blocks[at + 192 + j] << 24) >> 24);
        const quarter = (j >> 1) & 3;
        const low = at + 64 * (j >> 3) + 32 * (quarter & 1) + 16 * (j & 1);
        const high = at + 128 + 32 * (j >> 3) + 16 * (j & 1);
        const lowShift = 4 * (quarter >> 1);
        const highShift = 2 * quarter;
        for (let l = 0; l < 16; l++) {
          const code = ((blocks[low + l] >> lowShift) & 15) | (((blocks[high + l] >> highShift) & 3) << 4);
          values[i + 16 * j + l] = scale * (code - 32);
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
        lowest: -128,
        highest: 127,
        search: scaleSearch(LEVELS, [-32, 30, 31, 28, -29, -27, -32.8, -26]),
        reach: 0,
      },
      BLOCK_BYTES,
      (blocks, at, d, integers) => {
        for (let j = 0; j < 16; j++) blocks[at + 192 + j] = integers[j];
        writeF16(blocks, at + 208, d);
      },
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; i += 256, at += BLOCK_BYTES) {
        for (let h = 0; h < 2; h++) {
          for (let l = 0; l < 32; l++) packFour(codes, i + 128 * h + l, blocks, at + 64 * h + l, at + 128 + 32 * h + l);
        }
      }
    },
  },
});

/** Elements i, i + 32, i + 64, i + 96 into the low bytes at `low` and `low + 32` and the high byte at `high`. */
function packFour(codes: Uint8Array, i: number, blocks: Uint8Array, low: number, high: number): void {
  const c0 = codes[i];
  const c1 = codes[i + 32];
  const c2 = codes[i + 64];
  const c3 = codes[i + 96];
  blocks[low] = (c0 & 15) | ((c2 & 15) << 4);
  blocks[low + 32] = (c1 & 15) | ((c3 & 15) << 4);
  blocks[high] = (c0 >> 4) | ((c1 >> 4) << 2) | ((c2 >> 4) << 4) | ((c3 >> 4) << 6);
}
