import { plainBackend } from '../backend.ts';
import { fittedScales } from '../fit/scales.ts';
import { gridFormat } from '../grid.ts';
import { scaleSearch } from '../search/grid/scale.ts';
import type { PowerScale } from '../search/grid/types.ts';

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
/** Largest stored exponent at which every level is finite. */
const MAXIMUM_EXPONENT = 252;
/** The one that the largest float32 would need. */
const WANTED_EXPONENT = 253;

/** From the exponent that reaches the largest |x| down to where most values saturate. */
const SEARCH: PowerScale = {
  kind: 'powerScale',
  subBlocks: 1,
  subBlock: 32,
  scales: Float64Array.from({ length: WANTED_EXPONENT + 1 }, (_, exponent) => halfScale(exponent)),
  highest: MAXIMUM_EXPONENT,
  search: scaleSearch(E2M1_LEVELS, []),
  reach: 3,
};

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
    fit(values, importance, blocks, scale, offset, backend = plainBackend) {
      const count = values.length / 32;
      const found = fittedScales(SEARCH, values, importance, backend);
      blocks.fill(0);
      for (let i = 0; i < count; i++) {
        blocks[i * BLOCK_BYTES] = found.a[i];
        scale[i] = halfScale(found.a[i]);
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
