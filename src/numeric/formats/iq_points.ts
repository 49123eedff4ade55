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
  for (let i = 0; i < n; i++) {
    const magnitude = scale * book[entry * n + i];
    values[at + i] = (signs >> i) & 1 ? -magnitude : magnitude;
  }
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
