import { highNibbles, lowNibbles } from '../bits';
import { half, halvesAt } from '../half';

/*
 * Q4_1, 32 values: value = d·code + m.
 *
 *   0   d   f16
 *   2   m   f16
 *   4   qs  [16] code of value i in the low four bits, of value i + 16 in the high four
 */
@unmanaged export class Q4_1 {
  @inline values(): i32 { return 32; }
  @inline bytes(): usize { return 20; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return true; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this), 4);
    return i == 0 ? lowNibbles(q) : highNibbles(q);
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + (i & 15), 4);
    return i < 16 ? q & 15 : q >> 4;
  }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return half(changetype<usize>(this) + 2); }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this) + 2, b + 2, c + 2, d + 2);
  }
}
