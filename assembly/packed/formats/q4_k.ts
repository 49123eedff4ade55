import { bytesToFloats, highNibbles, lowNibbles } from '../bits';
import { half, halvesPair } from '../half';
import { sixBitMinimum, sixBitScale, sixBits } from '../sixbit';

/*
 * Q4_K, 256 values in 8 sub-blocks of 32: value = d·scale·code − dmin·minimum.
 *
 *   0    d       f16
 *   2    dmin    f16
 *   4    scales  [12] eight 6-bit scales and minimums, see sixbit.ts
 *   16   qs      [128] per 64 values 32 bytes: low four bits for the first 32 values, high four for the others
 */
@unmanaged export class Q4_K {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 144; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return true; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + (16 + 32 * (i >> 2) + 16 * (i & 1)));
    return i & 2 ? highNibbles(q) : lowNibbles(q);
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + 32 * (i >> 6) + (i & 31), 16);
    return i & 32 ? q >> 4 : q & 15;
  }
  @inline factors(): v128 {
    return halvesPair(changetype<usize>(this));
  }
  @inline scales(g: i32): v128 { return bytesToFloats(sixBits(changetype<usize>(this) + 4), 2 * g); }
  @inline minimums(g: i32): v128 { return bytesToFloats(sixBits(changetype<usize>(this) + 4), 2 * g + 1); }
  @inline scale(j: i32): f32 {
    return half(changetype<usize>(this)) * <f32>sixBitScale(changetype<usize>(this) + 4, j);
  }
  @inline minimum(j: i32): f32 {
    return -half(changetype<usize>(this) + 2) * <f32>sixBitMinimum(changetype<usize>(this) + 4, j);
  }
}
