import { F8_E4M3 } from '../../core/minifloat.ts';
import { gridFormat } from '../grid.ts';
import { loadBlock } from '../search/block.ts';
import { CodeSums, correlate } from '../search/correlate.ts';
import { scaleSearch, searchScale } from '../search/scale.ts';
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
/** Codes of the scale tried on each side of the one nearest to the ideal scale. */
const REACH = 2;

const SEARCH = scaleSearch(E2M1_LEVELS, [12, 14, 10.4, 8.6, 16]);
const x = new Float64Array(64);
const w = new Float64Array(64);
const sums = new CodeSums();

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
    fit(values, importance, blocks, scale, offset) {
      blocks.fill(0);
      for (let i = 0; i * 64 < values.length; i++) {
        loadBlock(values, importance, i * 64, 64, x, w);
        for (let s = 0; s < 4; s++) {
          const code = searchCode(16 * s);
          blocks[i * BLOCK_BYTES + s] = code;
          scale[4 * i + s] = halfScale(code);
          offset[4 * i + s] = 0;
        }
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

/** The code of the scale with the least error, near the scale that is best before it is rounded. */
function searchCode(from: number): number {
  const ideal = Math.abs(searchScale(SEARCH, x, w, from, 16, sums));
  let middle = 0;
  while (middle < LARGEST_CODE && halfScale(middle) < ideal) middle++;
  let best = 0;
  let least = 0; // relative to Σ w x², the error of the scale 0
  for (let code = Math.max(1, middle - REACH); code <= Math.min(middle + REACH, LARGEST_CODE); code++) {
    const scale = halfScale(code);
    correlate(SEARCH.levels, x, w, from, 16, scale, 0, sums);
    const error = sums.error(scale, 0);
    if (error >= least) continue;
    least = error;
    best = code;
  }
  return best;
}

function halfScale(code: number): number {
  if (code === 0x7f) return 0;
  return code === 0xff ? ALL_BITS_SET / 2 : F8_E4M3.values[code & 0x7f] / 2;
}
