import { bitField, bytesToFloats, highNibbles, lowNibbles } from '../bits';
import { half, halvesPair } from '../half';
import { sixBitMinimum, sixBitScale, sixBits } from '../sixbit';

/*
 * Q5_K, 256 values in 8 sub-blocks of 32: value = d·scale·code − dmin·minimum.
 *
 *   0    d       f16
 *   2    dmin    f16
 *   4    scales  [12] eight 6-bit scales and minimums, see sixbit.ts
 *   16   qh      [32] bit j of byte l is bit 4 of code l of sub-block j
 *   48   qs      [128] low four bits, as in Q4_K
 */
@unmanaged export class Q5_K {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 176; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return true; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + (48 + 32 * (i >> 2) + 16 * (i & 1)));
    const high = bitField(v128.load(changetype<usize>(this) + (16 + 16 * (i & 1))), (i >> 1) - 4, 16);
    return v128.or(high, i & 2 ? highNibbles(q) : lowNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + 32 * (i >> 6) + (i & 31), 48);
    const high = (<i32>load<u8>(changetype<usize>(this) + (i & 31), 16) >> (i >> 5)) & 1;
    return (i & 32 ? q >> 4 : q & 15) | (high << 4);
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
