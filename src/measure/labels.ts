import { Random } from '../core/random.ts';

/**
 * Uniform numbers in [0,1) that draw the labels, for sequences of `length` tokens in the order given. One generator per
 * sequence: the labels do not depend on how sequences are batched. → [order.length, length]
 */
export function sampleUniform(seed: number, order: readonly number[], length: number): Float32Array {
  const uniform = new Float32Array(order.length * length);
  order.forEach((sequence, s) => {
    const random = new Random(seed).fork(`labels of sequence ${sequence}`);
    // 24 bits are exact in float32 and stay below 1.
    for (let t = 0; t < length; t++) uniform[s * length + t] = (random.uint32() >>> 8) / 2 ** 24;
  });
  return uniform;
}
