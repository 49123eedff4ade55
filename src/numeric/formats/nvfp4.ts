import { F8_E4M3 } from '../../core/minifloat.ts';
import { plainBackend } from '../backend.ts';
import { fittedScales } from '../fit/scales.ts';
import { gridFormat } from '../grid.ts';
import { scaleSearch } from '../search/grid/scale.ts';
import type { NearScale } from '../search/grid/types.ts';
import { E2M1_CODES, E2M1_DOUBLED, E2M1_LEVELS } from './mxfp4.ts';

/**
 *   0                   4                          36
 *   ├ 4 × E4M3 scales ──┼ 32 bytes of codes ───────┤   value = scale/2·(2·E2M1(q)), a scale per 16 values
 * Byte 8 s + j of the codes holds elements 16 s + j (low half) and 16 s + 8 + j (high half). Scales have no sign; the
 * code 127, NaN in E4M3, counts as 0. The scale of the whole tensor is a tensor of its own in GGUF.
 * @see llama.cpp ggml-common.h, block_nvfp4
 */
const BLOCK_BYTES = 36;
/** What ggml reads from the code 255, as if E4M3 had no NaN. */
const ALL_BITS_SET = 480;

const LARGEST_CODE = 126;

const SEARCH: NearScale = {
  kind: 'nearScale',
  subBlocks: 4,
  subBlock: 16,
  scales: Float64Array.from({ length: LARGEST_CODE + 1 }, (_, code) => halfScale(code)),
  search: scaleSearch(E2M1_LEVELS, [12, 14, 10.4, 8.6, 16]),
  reach: 2,
};

export const NVFP4 = gridFormat({
  name: 'NVFP4',
  blockSize: 64,
  blockBytes: BLOCK_BYTES,
  gguf: { type: 40, fileType: 39, recent: true },
  decodeBlocks(blocks, values) {
    for (let i = 0, at = 0; i < values.length; i += 64, at += BLOCK_BYTES) {
      for (let s = 0; s < 4; s++) {
        const scale = halfScale(blocks[at + s]);
        for (let j = 0; j < 8; j++) {
          const byte = blocks[at + 4 + 8 * s + j];
          values[i + 16 * s + j] = scale * E2M1_DOUBLED[byte & 15];
          values[i + 16 * s + 8 + j] = scale * E2M1_DOUBLED[byte >> 4];
        }
      }
    }
  },
  grid: {
    subBlock: 16,
    levels: E2M1_LEVELS,
    fit(values, importance, blocks, scale, offset, backend = plainBackend) {
      const count = values.length / 64;
      const found = fittedScales(SEARCH, values, importance, backend);
      blocks.fill(0);
      for (let i = 0; i < 4 * count; i++) {
        blocks[(i >> 2) * BLOCK_BYTES + (i & 3)] = found.a[i];
        scale[i] = halfScale(found.a[i]);
        offset[i] = 0;
      }
    },
    pack(codes, blocks) {
      for (let i = 0, at = 4; i < codes.length; i += 64, at += BLOCK_BYTES) {
        for (let k = 0; k < 32; k++) {
          const element = i + 16 * (k >> 3) + (k & 7);
          blocks[at + k] = E2M1_CODES[codes[element]] | (E2M1_CODES[codes[element + 8]] << 4);
        }
      }
    },
  },
});

function halfScale(code: number): number {
  if (code === 0x7f) return 0;
  return code === 0xff ? ALL_BITS_SET / 2 : F8_E4M3.values[code & 0x7f] / 2;
}
