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
