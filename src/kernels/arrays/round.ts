/** Values of a token that share a scale. */
const GROUP = 32;

/**
 * x as symmetric integers of `bits` bits see it, a scale per 32 values: scale = max|x| / (2^(bits−1) − 1), codes to the
 * nearest. At 8 bits that is what integer kernels make of activations. 16 bits and more leave x as it is.
 * @param x [groups of 32]
 * @param to out, may be x
 */
export function roundToBits(x: Float32Array, bits: number, to: Float32Array): void {
  if (bits >= 16) {
    if (to !== x) to.set(x);
    return;
  }
  const most = 2 ** (bits - 1) - 1;
  for (let from = 0; from < x.length; from += GROUP) {
    const end = Math.min(from + GROUP, x.length);
    let largest = 0;
    for (let i = from; i < end; i++) largest = Math.max(largest, Math.abs(x[i]));
    const scale = largest / most;
    for (let i = from; i < end; i++) to[i] = scale === 0 ? 0 : scale * Math.round(x[i] / scale);
  }
}
