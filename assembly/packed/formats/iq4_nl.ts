import { highNibbles, lookUp, lowNibbles, NON_LINEAR } from '../bits';
import { half, halvesAt } from '../half';

/*
 * IQ4_NL, 32 values: value = d·table[code].
 *
 *   0   d   f16
 *   2   qs  [16] code of value i in the low four bits, of value i + 16 in the high four
 */
@unmanaged export class IQ4_NL {
  @inline values(): i32 { return 32; }
  @inline bytes(): usize { return 18; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return true; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this), 2);
    return lookUp(v128.load(NON_LINEAR), i == 0 ? lowNibbles(q) : highNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <usize>load<u8>(changetype<usize>(this) + (i & 15), 2);
    return <i32>load<i8>(NON_LINEAR + (i < 16 ? q & 15 : q >> 4));
  }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
