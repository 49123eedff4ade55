import { bitField, bytesToFloats, highNibbles, lowNibbles } from '../bits';
import { half, halvesPair } from '../half';

/*
 * Q2_K, 256 values in 16 sub-blocks of 16: value = d·scale·code − dmin·minimum.
 *
 *   0    scales  [16] scale in the low four bits, minimum in the high four
 *   16   qs      [32 per 128 values] bits 2g, 2g + 1 are the codes of group g of 32
 *   80   d       f16
 *   82   dmin    f16
 */
@unmanaged export class Q2_K {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 84; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return true; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + (16 + 32 * (i >> 3) + 16 * (i & 1)));
    return bitField(q, 2 * ((i >> 1) & 3), 3);
  }
  @inline code(i: i32): i32 {
    return (<i32>load<u8>(changetype<usize>(this) + 32 * (i >> 7) + (i & 31), 16) >> (2 * ((i >> 5) & 3))) & 3;
  }
  @inline factors(): v128 {
    return halvesPair(changetype<usize>(this) + 80);
  }
  @inline scales(g: i32): v128 {
    return bytesToFloats(lowNibbles(v128.load(changetype<usize>(this))), g);
  }
  @inline minimums(g: i32): v128 {
    return bytesToFloats(highNibbles(v128.load(changetype<usize>(this))), g);
  }
  @inline scale(j: i32): f32 {
    return half(changetype<usize>(this) + 80) * <f32>(load<u8>(changetype<usize>(this) + j) & 15);
  }
  @inline minimum(j: i32): f32 {
    return -half(changetype<usize>(this) + 82) * <f32>(load<u8>(changetype<usize>(this) + j) >> 4);
  }
}
