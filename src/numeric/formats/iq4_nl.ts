import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { packNibbles } from '../nibbles.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0        2                                18
 *   ├ d  f16 ┼ 16 bytes ───────────────────────┤   value = d·IQ4_LEVELS[q]
 * Byte j holds q of elements j (low half) and j + 16 (high half).
 * @see llama.cpp ggml-common.h, block_iq4_nl
 */
const BLOCK_BYTES = 18;

/** The 16 levels of IQ4_NL and IQ4_XS, denser near 0. @see llama.cpp ggml-common.h, kvalues_iq4nl */
export const IQ4_LEVELS = Float32Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** The scale search of IQ4_NL and IQ4_XS. */
export const IQ4_SEARCH = scaleSearch(IQ4_LEVELS, [-130, -143, -120.6, -106, -136, 116, 127, 110]);

export const IQ4_NL = gridFormat({
  name: 'IQ4_NL',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 20, fileType: 25 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * IQ4_LEVELS[blocks[at + 2 + j] & 15];
        values[i + j + 16] = d * IQ4_LEVELS[blocks[at + 2 + j] >> 4];
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: IQ4_LEVELS,
    fit: fitScale(32, BLOCK_BYTES, 0, IQ4_SEARCH),
    pack(codes, blocks) {
      for (let i = 0, at = 2; i < codes.length; i += 32, at += BLOCK_BYTES) packNibbles(codes, i, blocks, at);
    },
  },
});
