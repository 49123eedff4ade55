import { E2M1, highNibbles, lookUp, lowNibbles } from '../bits';
import { halfPowerOfTwo, halfPowersOfTwo } from '../half';

/*
 * MXFP4, 32 values: value = 2^(e − 128)·table[code], the table holding doubled E2M1 values; 12 is added to keep codes
 * unsigned.
 *
 *   0   e   u8
 *   1   qs  [16] code of value i in the low four bits, of value i + 16 in the high four
 *
 * @see OCP Microscaling Formats (MX) Specification 1.0, 5.3 and 6.3
 */
@unmanaged export class MXFP4 {
  @inline values(): i32 { return 32; }
  @inline bytes(): usize { return 17; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 12; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this), 1);
    return lookUp(v128.load(E2M1), i == 0 ? lowNibbles(q) : highNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <usize>load<u8>(changetype<usize>(this) + (i & 15), 1);
    return <i32>load<i8>(E2M1 + (i < 16 ? q & 15 : q >> 4));
  }
  @inline scale(j: i32): f32 { return halfPowerOfTwo(load<u8>(changetype<usize>(this))); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halfPowersOfTwo(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
