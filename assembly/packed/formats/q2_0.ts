import { everyByte, nibblesInOrder } from '../bits';
import { half, halvesAt } from '../half';

/*
 * Q2_0, 64 values: value = d·(code − 1).
 *
 *   0   d   f16
 *   2   qs  [16] four codes each, the first in the lowest bits
 */
@unmanaged export class Q2_0 {
  @inline values(): i32 { return 64; }
  @inline bytes(): usize { return 18; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 1; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load32_zero(changetype<usize>(this) + (2 + 4 * i));
    const pairs = nibblesInOrder(q);
    const first = v128.and(pairs, everyByte(3));
    const second = v128.and(i16x8.shr_u(pairs, 2), everyByte(3));
    return v128.shuffle<i8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  @inline code(i: i32): i32 { return (<i32>load<u8>(changetype<usize>(this) + (i >> 2), 2) >> (2 * (i & 3))) & 3; }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
