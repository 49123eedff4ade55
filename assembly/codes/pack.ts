/**
 * Codes of `bits` ≤ 8 bits, one a byte, to fields of bits, the first in the lowest: whole bytes of them, the rest of the last 0.
 * @returns the first byte after them
 */
export function packFields(codes: usize, bits: i32, count: i32, to: usize): usize {
  if (bits == 8) {
    memory.copy(to, codes, count);
    return to + count;
  }
  const bytes = <usize>((count * bits + 7) >> 3);
  const end = to + bytes;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const packed = eightCodes(load<u64>(codes + i), bits);
    if (to + 8 <= end) store<u64>(to, packed);
    else storeBytes(to, packed, bits);
    to += bits;
  }
  let rest: u64 = 0;
  for (let k = 0; i + k < count; k++) rest |= <u64>load<u8>(codes + i + k) << (k * bits);
  if (to < end) storeBytes(to, rest, <i32>(end - to));
  return end;
}

/** Eight bytes' low `bits` bits beside each other: pairs, then pairs of pairs. */
// @ts-ignore: decorator
@inline function eightCodes(x: u64, bits: i32): u64 {
  const one: u64 = ((1 << bits) - 1) * 0x0001000100010001;
  const two: u64 = ((1 << (2 * bits)) - 1) * 0x0000000100000001;
  const four: u64 = (<u64>1 << (4 * bits)) - 1;
  x = (x & one) | ((x >> (8 - bits)) & (one << bits));
  x = (x & two) | ((x >> (16 - 2 * bits)) & (two << (2 * bits)));
  return (x & four) | ((x >> (32 - 4 * bits)) & (four << (4 * bits)));
}

// @ts-ignore: decorator
@inline function storeBytes(to: usize, x: u64, count: i32): void {
  for (let k = 0; k < count; k++) store<u8>(to + k, <u8>(x >> (8 * k)));
}
