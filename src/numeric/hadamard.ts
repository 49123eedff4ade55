/**
 * Multiplies rows by a randomized Hadamard matrix, block by block: orthogonal, so errors keep their size while outliers
 * spread over their block.
 * @see Tseng et al., "QuIP#", ICML 2024, section 3
 */
import { Random } from '../core/random.ts';

/** @param size a power of two that divides the number of values */
export function hadamard(values: Float32Array, size: number, seed: number): Float32Array {
  const random = new Random(seed);
  const signs = Float64Array.from({ length: size }, () => (random.uint32() & 1 ? -1 : 1));
  const out = new Float32Array(values.length);
  const block = new Float64Array(size);
  for (let from = 0; from < values.length; from += size) {
    for (let i = 0; i < size; i++) block[i] = signs[i] * values[from + i];
    for (let half = 1; half < size; half *= 2) {
      for (let start = 0; start < size; start += 2 * half) {
        for (let i = start; i < start + half; i++) {
          const a = block[i];
          const b = block[i + half];
          block[i] = a + b;
          block[i + half] = a - b;
        }
      }
    }
    for (let i = 0; i < size; i++) out[from + i] = block[i] / Math.sqrt(size);
  }
  return out;
}
