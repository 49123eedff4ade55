import { writeF16 } from '../../core/float16.ts';
import type { SuperAffineHeader } from '../fit/asymmetric.ts';

/**
 * The 12 bytes that hold 8 six-bit scales a and 8 six-bit minimums b of Q4_K and Q5_K:
 *   byte j     (j < 4)   b7 b6 = high bits of a[j + 4], low six bits = a[j]
 *   byte j + 4 (j < 4)   b7 b6 = high bits of b[j + 4], low six bits = b[j]
 *   byte j + 8 (j < 4)   low half = low 4 bits of a[j + 4], high half = low 4 bits of b[j + 4]
 * @see llama.cpp ggml-quants.c, get_scale_min_k4
 */
export function readScale(blocks: Uint8Array, at: number, j: number): number {
  return j < 4 ? blocks[at + j] & 63 : (blocks[at + j + 4] & 15) | ((blocks[at + j - 4] >> 6) << 4);
}

export function readMinimum(blocks: Uint8Array, at: number, j: number): number {
  return j < 4 ? blocks[at + j + 4] & 63 : (blocks[at + j + 4] >> 4) | ((blocks[at + j] >> 6) << 4);
}

/** d, dmin and the 12 bytes: the first 16 bytes of a Q4_K or Q5_K block. */
export function writeScales(blocks: Uint8Array, at: number, { d, dmin, a, b }: SuperAffineHeader): void {
  writeF16(blocks, at, d);
  writeF16(blocks, at + 2, dmin);
  for (let j = 0; j < 4; j++) {
    blocks[at + 4 + j] = a[j] | ((a[j + 4] >> 4) << 6);
    blocks[at + 8 + j] = b[j] | ((b[j + 4] >> 4) << 6);
    blocks[at + 12 + j] = (a[j + 4] & 15) | ((b[j + 4] & 15) << 4);
  }
}
