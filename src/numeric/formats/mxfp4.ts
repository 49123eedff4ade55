import { gridFormat } from '../grid.ts';
import { loadBlock } from '../search/block.ts';
import { CodeSums, correlate, searchedLevels } from '../search/correlate.ts';

/**
 *   0       1                                 17
 *   ├ e  u8 ┼ 16 bytes ────────────────────────┤   value = 2^(e − 128)·(2·E2M1(q))
 * E8M0 scale, halved because the levels are doubled to integers; byte j holds q of elements j (low half) and j + 16
 * (high half); bit 3 of q is the sign.
 * @see OCP Microscaling Formats (MX) 1.0, section 5.3; llama.cpp ggml-common.h, block_mxfp4
 */
const BLOCK_BYTES = 17;

/** [16] doubled E2M1 value of each stored code */
export const E2M1_DOUBLED = Float32Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
/** [15] ascending: two codes mean 0 */
export const E2M1_LEVELS = Float32Array.of(-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12);
/** [15] stored code of each level */
export const E2M1_CODES = Uint8Array.of(15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7);
const LARGEST = 12;
/** Largest stored exponent at which every level is finite. */
const MAXIMUM_EXPONENT = 252;

const LEVELS = searchedLevels(E2M1_LEVELS);
const sums = new CodeSums();
const x = new Float64Array(32);
const w = new Float64Array(32);

/** Half the E8M0 value of a stored exponent. */
function halfScale(exponent: number): number {
  return 2 ** (exponent - 128);
}

export const MXFP4 = gridFormat({
  name: 'MXFP4',
  blockSize: 32,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 39, fileType: 38 },
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 32, at += BLOCK_BYTES) {
      const d = halfScale(blocks[at]);
      for (let j = 0; j < 16; j++) {
        values[i + j] = d * E2M1_DOUBLED[blocks[at + 1 + j] & 15];
        values[i + j + 16] = d * E2M1_DOUBLED[blocks[at + 1 + j] >> 4];
      }
    }
  },
  grid: {
    subBlock: 32,
    levels: E2M1_LEVELS,
    fit(values, importance, blocks, scale, offset) {
      blocks.fill(0);
      for (let i = 0; i * 32 < values.length; i++) {
        loadBlock(values, importance, i * 32, 32, x, w);
        const exponent = searchExponent();
        blocks[i * BLOCK_BYTES] = exponent;
        scale[i] = halfScale(exponent);
        offset[i] = 0;
      }
    },
    pack(codes, blocks) {
      for (let i = 0, at = 1; i < codes.length; i += 32, at += BLOCK_BYTES) {
        for (let j = 0; j < 16; j++) blocks[at + j] = E2M1_CODES[codes[i + j]] | (E2M1_CODES[codes[i + j + 16]] << 4);
      }
    },
  },
});

/** The exponent with the least error: from the one that reaches the largest |x| down to where most values saturate. */
function searchExponent(): number {
  let largest = 0;
  for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(x[i]));
  if (largest === 0) return 0;
  const reaching = Math.ceil(Math.log2(largest / LARGEST)) + 128;
  let best = 0;
  let bestError = Infinity;
  for (let exponent = reaching; exponent > reaching - 4; exponent--) {
    const stored = Math.min(Math.max(exponent, 0), MAXIMUM_EXPONENT);
    const s = halfScale(stored);
    correlate(LEVELS, x, w, 0, 32, s, 0, sums);
    const error = sums.error(s, 0);
    if (error < bestError) {
      bestError = error;
      best = stored;
    }
  }
  return best;
}
