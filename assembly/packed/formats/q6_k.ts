import { bitField, highNibbles, lowNibbles, signedBytesToFloats } from '../bits';
import { half, halfInVector } from '../half';

/*
 * Q6_K, 256 values in 16 sub-blocks of 16: value = d·scale·(code − 32). Per 128 values, in four groups g of 32:
 *
 *   0    ql      [64 per 128 values] low four bits: groups 0, 1 in the low halves of bytes, 2, 3 in the high halves
 *   128  qh      [32 per 128 values] bits 2g, 2g + 1 are bits 4, 5 of the codes of group g
 *   192  scales  [16] i8
 *   208  d       f16
 */
@unmanaged export class Q6_K {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 210; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 32; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + (64 * (i >> 3) + 32 * ((i >> 1) & 1) + 16 * (i & 1)));
    const high = bitField(v128.load(changetype<usize>(this) + (128 + 32 * (i >> 3) + 16 * (i & 1))), 2 * ((i >> 1) & 3) - 4, 48);
    return v128.or(high, i & 4 ? highNibbles(q) : lowNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + 64 * (i >> 7) + (i & 63));
    const high = (<i32>load<u8>(changetype<usize>(this) + 32 * (i >> 7) + (i & 31), 128) >> (2 * ((i >> 5) & 3))) & 3;
    return (i & 64 ? q >> 4 : q & 15) | (high << 4);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this) + 208); }
  @inline scales(g: i32): v128 {
    return signedBytesToFloats(v128.load(changetype<usize>(this), 192), g);
  }
  @inline scale(j: i32): f32 {
    return half(changetype<usize>(this) + 208) * <f32>load<i8>(changetype<usize>(this) + j, 192);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
