import { packFields } from '../codes/pack';
import { prepareFields, unpackFields } from '../codes/unpack';
import { scratch, shareStart } from '../share';

/** Scales and codes of `count` units apart and together again; see src/numeric/entropy/units.ts. */

/** headers u8 [count, headerBytes] and codes u8 [count, each] of units of `stride` bytes that end at `end`. */
export function splitUnits(
  bytes: usize, end: usize, headers: usize, codes: usize, count: i32, headerBytes: i32, bits: i32, each: i32, stride: i32,
  ith: i32, nth: i32,
): void {
  const last = shareStart(count, 1, ith + 1, nth);
  if (bits < 8) prepareFields(scratch, bits);
  for (let i = shareStart(count, 1, ith, nth); i < last; i++) {
    const from = bytes + <usize>i * stride;
    const to = codes + <usize>i * each;
    memory.copy(headers + <usize>i * headerBytes, from, headerBytes);
    if (bits == 8) memory.copy(to, from + headerBytes, each);
    else unpackFields(scratch, bits, from + headerBytes, end, to, each);
  }
}

/** Undoes `splitUnits`. */
export function joinUnits(
  headers: usize, codes: usize, bytes: usize, count: i32, headerBytes: i32, bits: i32, each: i32, stride: i32,
  ith: i32, nth: i32,
): void {
  const last = shareStart(count, 1, ith + 1, nth);
  for (let i = shareStart(count, 1, ith, nth); i < last; i++) {
    const to = bytes + <usize>i * stride;
    memory.copy(to, headers + <usize>i * headerBytes, headerBytes);
    packFields(codes + <usize>i * each, bits, each, to + headerBytes);
  }
}
