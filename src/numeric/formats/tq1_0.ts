import { readF16 } from '../../core/float16.ts';
import { fitScale } from '../fit/symmetric.ts';
import { gridFormat } from '../grid.ts';
import { integerLevels } from '../levels.ts';
import { scaleSearch } from '../search/grid/scale.ts';

/**
 *   0                                      48        52       54
 *   ├ 48 bytes of 5 ternary digits ────────┼ 4 of 4 ─┼ d  f16 ┤   value = d·(digit − 1)
 * A byte b stands for the fraction b/256 in base 3: digit n is ⌊3·frac(b·3ⁿ/256)⌋. Values run over the bytes of a group
 * first, then over digits; the groups are bytes 0 … 31, 32 … 47 and 48 … 51.
 * @see llama.cpp ggml-common.h, block_tq1_0
 */
const BLOCK_BYTES = 54;
/** First byte, bytes and digits of each group. */
const GROUPS = [
  [0, 32, 5],
  [32, 16, 5],
  [48, 4, 4],
] as const;

const LEVELS = integerLevels(-1, 1);

export const TQ1_0 = gridFormat({
  name: 'TQ1_0',
  blockSize: 256,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 34, fileType: 36 },
  halves: [52],
  decodeBlocks(blocks, values) {
    let i = 0;
    for (let at = 0; i < values.length; at += BLOCK_BYTES) {
      const d = readF16(blocks, at + 52);
      for (const [first, bytes, digits] of GROUPS) {
        for (let n = 0, power = 1; n < digits; n++, power *= 3) {
          for (let k = 0; k < bytes; k++) {
            const fraction = (blocks[at + first + k] * power) & 255;
            values[i++] = d * (((fraction * 3) >> 8) - 1);
          }
        }
      }
    }
  },
  grid: {
    subBlock: 256,
    levels: LEVELS,
    fit: fitScale(256, BLOCK_BYTES, 52, scaleSearch(LEVELS, [1, 1.5, 2, 2.5, 3])),
    pack(codes, blocks) {
      for (let i = 0, at = 0; i < codes.length; at += BLOCK_BYTES) {
        for (const [first, bytes, digits] of GROUPS) {
          for (let k = 0; k < bytes; k++) blocks[at + first + k] = fraction(codes, i + k, bytes, digits);
          i += bytes * digits;
        }
      }
    },
  },
});

/** The byte of `digits` codes, `stride` apart: their base-3 number in 256ths of the range, rounded up. */
function fraction(codes: Uint8Array, from: number, stride: number, digits: number): number {
  let number = 0;
  for (let n = 0; n < 5; n++) number = 3 * number + (n < digits ? codes[from + n * stride] : 0);
  return Math.ceil((number * 256) / 243);
}
