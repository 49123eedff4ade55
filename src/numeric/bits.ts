/** Bytes that hold `count` codes of `bits` bits. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Packs codes [from, from + count) of 1 to 16 bits, the first in the lowest bits; what is left of the last byte is 0. */
export function packBits(
  codes: ArrayLike<number>,
  from: number,
  count: number,
  bits: number,
  bytes: Uint8Array,
  at: number,
): void {
  const mask = 2 ** bits - 1;
  let held = 0;
  let pending = 0;
  for (let i = from; i < from + count; i++) {
    pending |= (codes[i] & mask) << held;
    for (held += bits; held >= 8; held -= 8) {
      bytes[at++] = pending;
      pending >>>= 8;
    }
  }
  if (held > 0) bytes[at] = pending;
}

/** Undoes `packBits`. */
export function unpackBits(
  bytes: Uint8Array,
  at: number,
  count: number,
  bits: number,
  codes: Uint16Array | Uint8Array,
  from = 0,
): void {
  const mask = 2 ** bits - 1;
  let held = 0;
  let pending = 0;
  for (let i = from; i < from + count; i++) {
    for (; held < bits; held += 8) pending |= bytes[at++] << held;
    codes[i] = pending & mask;
    pending >>>= bits;
    held -= bits;
  }
}

/** Whether an odd number of bits is set. @param bits whole, 0 to 2³¹ − 1 */
export function hasOddParity(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest > 0; rest &= rest - 1) odd = !odd;
  return odd;
}
