import { half, halvesAt } from '../half';

/*
 * Q8_0, 32 values: value = d·code.
 *
 *   0   d   f16
 *   2   qs  [32] i8
 */
@unmanaged export class Q8_0 {
  @inline values(): i32 { return 32; }
  @inline bytes(): usize { return 34; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return true; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 { return v128.load(changetype<usize>(this) + (2 + 16 * i)); }
  @inline code(i: i32): i32 { return <i32>load<i8>(changetype<usize>(this) + i, 2); }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halvesAt(changetype<usize>(this), b, c, d);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
