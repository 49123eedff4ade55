import { readF16, writeF16 } from '../../core/float16.ts';
import { fitSuperScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { packNibbles } from '../nibbles.ts';
import { IQ4_LEVELS, IQ4_SEARCH } from './iq4_nl.ts';

/**
 *   0        2                    4                  8                    136
 *   ├ d  f16 ┼ scales, high  u16 ─┼ scales, low: 4 ──┼ 128 bytes ─────────┤
 * value = (d·(a − 32))·IQ4_LEVELS[q], a six bits per 32 elements: low 4 bits in half j % 2 of low byte ⌊j/2⌋, high 2
 * bits at bits 2 j of the u16. Byte 16 j + l holds q of elements 32 j + l (low half) and 32 j + 16 + l (high half).
 * @see llama.cpp ggml-common.h, block_iq4_xs
 */
const BLOCK_BYTES = 136;

export const IQ4_XS = gridFormat({
  name: 'IQ4_XS',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 23, fileType: 30 },
  halves: [0],
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 256, at += BLOCK_BYTES) {
      const d = readF16(blocks, at);
      for (let j = 0; j < 8; j++) {
        const low = (blocks[at + 4 + (j >> 1)] >> (4 * (j & 1))) & 15;
        const high = (blocks[at + 2 + (j >> 2)] >> (2 * (j & 3))) & 3;
        const scale = d * ((low | (high << 4)) - 32);
        const from = at + 8 + 16 * j;
        for (let l = 0; l < 16; l++) {
          values[i + 32 * j + l] = scale * IQ4_LEVELS[blocks[from + l] & 15];
          values[i + 32 * j + 16 + l] = scale * IQ4_LEVELS[blocks[from + l] >> 4];
        }
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: IQ4_LEVELS,
    fit: fitSuperScale(
      {
        subBlocks: 8,
        subBlock: 32,
        lowest: -32,
        highest: 31,
        search: IQ4_SEARCH,
        reach: 1,
      },
      BLOCK_BYTES,
      writeScales,
    ),
    pack(codes, blocks) {
      for (let i = 0, at = 8; i < codes.length; i += 256, at += BLOCK_BYTES) {
        for (let j = 0; j < 8; j++) packNibbles(codes, i + 32 * j, blocks, at + 16 * j);
      }
    },
  },
});

function writeScales(blocks: Uint8Array, at: number, d: number, integers: Int32Array): void {
  writeF16(blocks, at, d);
  for (let j = 0; j < 8; j++) {
    const a = integers[j] + 32;
    blocks[at + 4 + (j >> 1)] |= (a & 15) << (4 * (j & 1));
    blocks[at + 2 + (j >> 2)] |= (a >> 4) << (2 * (j & 3));
  }
}
