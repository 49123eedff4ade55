import { putFour } from './levels';

/*
 * Overlapping codes: the `bits` bits of a circular block that end where each value's own bits end. Eight fours of values
 * fill whole bytes. A vector moves the bytes of each code to its lane, brings its highest bit to the top by a
 * multiplication, and shifts it down.
 */

/** What `prepareWindows` leaves at an address: of eight fours, which bytes lanes take, factors, and the first byte. */
// @ts-ignore: decorator
@inline const FOUR_BYTES: usize = 48;
const FOURS: i32 = 8;
const TOGETHER: i32 = 4 * FOURS;
/** Bytes behind a block that may be read with it. */
const BEHIND: usize = 64;

/** @param steps own bits of four values, a byte each, repeating */
export function prepareWindows(at: usize, bits: i32, steps: u32): void {
  for (let four = 0, end = 0; four < FOURS; four++, at += FOUR_BYTES) {
    let first = 0;
    for (let lane = 0; lane < 4; lane++) {
      end += (steps >> (8 * lane)) & 255;
      const start = end - bits; // below 0 for the first values of a block
      if (lane == 0) first = start >> 3;
      for (let k = 0; k < 4; k++) store<u8>(at + 4 * lane + k, (start >> 3) - first + k);
      store<u32>(at + 4 * lane, 1 << (32 - bits - (start & 7)), 16);
    }
    store<i32>(at, first, 32);
  }
}

/**
 * values = scale·level
 * @param windows what `prepareWindows` left
 * @param from the block's bytes, at least 4 of the kernels' memory before them; `count` values (a multiple of 32)
 * @param end first byte that must not be read
 * @param table f32 [2^bits]
 * @param room scratch memory of 128 bytes
 */
export function windowsToLevels(
  windows: usize, from: usize, end: usize, bits: i32, steps: u32, table: usize, scale: f32, to: usize, count: i32,
  room: usize,
): void {
  const bitsOfFour = (steps & 255) + ((steps >> 8) & 255) + ((steps >> 16) & 255) + (steps >> 24);
  const length = <usize>((bitsOfFour * count) >> 5);
  if (!ASC_FEATURE_SIMD || from + length + BEHIND > end) {
    oneByOne(from, from + length, bits, steps, table, scale, to, count);
    return;
  }
  // The block's last bits come before its first.
  store<u64>(room, load<u64>(from + length - 8));
  for (let i: usize = 0; i < 48; i += 16) v128.store(room + i, v128.load(from + i), 8);
  thirtyTwo(windows, room + 8, bits, table, scale, to);
  for (let i = TOGETHER; i < count; i += TOGETHER) {
    from += bitsOfFour;
    thirtyTwo(windows, from, bits, table, scale, to + (<usize>i << 2));
  }
}

// @ts-ignore: decorator
@inline function thirtyTwo(windows: usize, from: usize, bits: i32, table: usize, scale: f32, to: usize): void {
  const start = i32x4.splat(<i32>table), shift = 32 - bits;
  for (const end = windows + <usize>FOURS * FOUR_BYTES; windows < end; windows += FOUR_BYTES, to += 16) {
    const bytes = v128.load(from + <usize>load<i32>(windows, 32));
    const tops = i32x4.mul(i8x16.swizzle(bytes, v128.load(windows)), v128.load(windows, 16));
    const places = i32x4.add(i32x4.shl(i32x4.shr_u(tops, shift), 2), start);
    const low = i64x2.extract_lane(places, 0), high = i64x2.extract_lane(places, 1);
    putFour(to, <usize>low, <usize>(<u64>low >> 32), <usize>high, <usize>(<u64>high >> 32), scale);
  }
}

function oneByOne(
  from: usize, last: usize, bits: i32, steps: u32, table: usize, scale: f32, to: usize, count: i32,
): void {
  const mask: u64 = (1 << bits) - 1;
  for (let i = 0, end = 0; i < count; i++) {
    end += <i32>((steps >> ((i & 3) << 3)) & 255);
    // The eight bytes that end with the value.
    const bytes = <i32>((end + 7) >> 3);
    const word = bytes >= 8 ? load<u64>(from + bytes - 8) : circular(from, last, bytes);
    const window = (word >> <u64>(64 - bits - (-end & 7))) & mask;
    store<f32>(to + (<usize>i << 2), scale * load<f32>(table + (<usize>window << 2)));
  }
}

/** The first bytes of a block, behind the last ones of it. Nothing after the block is read. */
function circular(from: usize, last: usize, bytes: i32): u64 {
  const end = load<u64>(last - 8), length = last - from;
  const start = length < 8 ? end >> <u64>(64 - 8 * length) : load<u64>(from);
  return (end >> <u64>(8 * bytes)) | (start << <u64>(64 - 8 * bytes));
}
