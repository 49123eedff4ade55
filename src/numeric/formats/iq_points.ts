/** ±1 for each of the 8 bits of a byte of signs, lowest first. [256, 8] */
const FACTORS = Float32Array.from({ length: 256 * 8 }, (_, i) => ((i >> 3) & (1 << (i & 7)) ? -1 : 1));

/** Writes book entry `entry` of n values, times scale, with signs (bit set = negative, first value lowest). */
export function writePoint(
  values: Float32Array,
  at: number,
  book: Int8Array,
  entry: number,
  n: number,
  scale: number,
  signs: number,
): void {
  const point = entry * n;
  const factors = (signs & 255) * 8;
  for (let i = 0; i < n; i++) values[at + i] = scale * book[point + i] * FACTORS[factors + i];
}

/** Sets bits of the little-endian 32-bit word at byte `at`, from bit `shift` upwards; they were zero. */
export function orBits(bytes: Uint8Array, at: number, shift: number, bits: number): void {
  const word = bits << shift;
  for (let i = 0; i < 4; i++) bytes[at + i] |= word >>> (8 * i);
}

/** Writes n four-bit integers, low half first. */
export function packPairs(integers: Int32Array, bytes: Uint8Array, at: number, n: number): void {
  for (let j = 0; j < n; j += 2) bytes[at + (j >> 1)] = integers[j] | (integers[j + 1] << 4);
}
