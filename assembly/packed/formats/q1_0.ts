import { bitsToBytes } from '../bits';
import { half, halvesAt } from '../half';

/*
 * Q1_0, 128 values: value = d·(2·bit − 1); codes are twice the bit.
 *
 *   0   d   f16
 *   2   qs  [16] eight bits each, the first lowest
 */
@unmanaged export class Q1_0 {
  @inline values(): i32 { return 128; }
  @inline bytes(): usize { return 18; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 1; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 { return bitsToBytes(changetype<usize>(this) + (2 + 2 * i), 2); }
  @inline code(i: i32): i32 { return ((<i32>load<u8>(changetype<usize>(this) + (i >> 3), 2) >> (i & 7)) & 1) << 1; }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
