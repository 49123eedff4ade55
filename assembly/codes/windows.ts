import { putFour } from './levels';

/**
 * values = scale·level of overlapping codes: the `bits` bits of a circular block that end where each value's own bits end.
 * @param from the block's bytes, at least 4 of the kernels' memory before them; `count` values (a multiple of 32)
 * @param steps own bits of four values, a byte each, repeating
 * @param table f32 [2^bits]
 */
export function windowsToLevels(
  from: usize, bits: i32, steps: u32, table: usize, scale: f32, to: usize, count: i32,
): void {
  const afterC = steps >> 24, afterB = afterC + ((steps >> 16) & 255), afterA = afterB + ((steps >> 8) & 255);
  const bitsOfFour = afterA + (steps & 255);
  const last = from + <usize>((bitsOfFour * count) >> 5);
  const mask: u64 = (1 << bits) - 1;
  const d = <u64>(64 - bits), c = d - afterC, b = d - afterB, a = d - afterA;
  for (let i = 0, end = bitsOfFour; i < count; i += 4, end += bitsOfFour) {
    // The eight bytes that end with the four values, and these moved to the top.
    const bytes = <i32>((end + 7) >> 3);
    let word = bytes >= 8 ? load<u64>(from + bytes - 8) : circular(from, last, bytes);
    word <<= <u64>(-<i32>end & 7);
    putFour(
      to + (<usize>i << 2),
      table + (<usize>((word >> a) & mask) << 2),
      table + (<usize>((word >> b) & mask) << 2),
      table + (<usize>((word >> c) & mask) << 2),
      table + (<usize>(word >> d) << 2),
      scale,
    );
  }
}

/** The first bytes of a block, behind the last ones of it. Nothing after the block is read. */
function circular(from: usize, last: usize, bytes: i32): u64 {
  const end = load<u64>(last - 8), length = last - from;
  const start = length < 8 ? end >> <u64>(64 - 8 * length) : load<u64>(from);
  return (end >> <u64>(8 * bytes)) | (start << <u64>(64 - 8 * bytes));
}
