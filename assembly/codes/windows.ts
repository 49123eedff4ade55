import { putFour } from './levels';

/**
 * values = scale·level of overlapping codes: the `bits` bits of a circular block that end where each value's own bits end.
 * @param from the block's bytes, `count` values (a multiple of 32)
 * @param steps own bits of four values, a byte each, repeating
 * @param table f32 [2^bits]
 * @param room scratch memory for the block and a few bytes more
 */
export function windowsToLevels(
  from: usize, bits: i32, steps: u32, table: usize, scale: f32, to: usize, count: i32, room: usize,
): void {
  const a = <i32>(steps & 255);
  const b = a + <i32>((steps >> 8) & 255);
  const c = b + <i32>((steps >> 16) & 255);
  const d = c + <i32>(steps >> 24);
  const length = <usize>((d * count) >> 5);
  // The block's last bits come before its first.
  store<u32>(room, load<u32>(from + length - 4));
  memory.copy(room + 4, from, length);
  const mask: u32 = (1 << bits) - 1;
  let first = 32 - bits;
  for (let i = 0; i < count; i += 4) {
    putFour(
      to + (<usize>i << 2),
      table + (<usize>window(room, first + a, mask) << 2),
      table + (<usize>window(room, first + b, mask) << 2),
      table + (<usize>window(room, first + c, mask) << 2),
      table + (<usize>window(room, first + d, mask) << 2),
      scale,
    );
    first += d;
  }
}

// @ts-ignore: decorator
@inline function window(room: usize, bit: i32, mask: u32): u32 {
  return (load<u32>(room + (bit >> 3)) >> (bit & 7)) & mask;
}
