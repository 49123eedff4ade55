import { bitsToBytes, highNibbles, lowNibbles } from '../bits';
import { half, halvesAt } from '../half';

/*
 * Q5_0, 32 values: value = d·(code − 16).
 *
 *   0   d   f16
 *   2   qh  u32, bit i is bit 4 of code i
 *   6   qs  [16] low four bits of codes i and i + 16
 */
@unmanaged export class Q5_0 {
  @inline values(): i32 { return 32; }
  @inline bytes(): usize { return 22; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 16; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this), 6);
    const high = bitsToBytes(changetype<usize>(this) + 2 + 2 * i, 16);
    return v128.or(high, i == 0 ? lowNibbles(q) : highNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + (i & 15), 6);
    const high = (load<u32>(changetype<usize>(this), 2) >> i) & 1;
    return (i < 16 ? q & 15 : q >> 4) | (high << 4);
  }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
