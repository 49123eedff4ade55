import { highNibbles, lookUp, lowNibbles, NON_LINEAR, signedBytesToFloats } from '../bits';
import { half } from '../half';

/*
 * IQ4_XS, 256 values in 8 sub-blocks of 32: value = d·(scale − 32)·table[code].
 *
 *   0    d         f16
 *   2    scales_h  u16, bits 2j, 2j + 1 are bits 4, 5 of scale j
 *   4    scales_l  [4] low four bits of scale j in nibble j
 *   8    qs        [16 per sub-block] code of value i in the low four bits, of value i + 16 in the high four
 */
@unmanaged export class IQ4_XS {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 136; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 0; }
  @inline signed(): bool { return true; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + 16 * (i >> 1), 8);
    return lookUp(v128.load(NON_LINEAR), i & 1 ? highNibbles(q) : lowNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <usize>load<u8>(changetype<usize>(this) + 16 * (i >> 5) + (i & 15), 8);
    return <i32>load<i8>(NON_LINEAR + (i & 16 ? q >> 4 : q & 15));
  }
  @inline factors(): v128 {
    return f32x4.splat(half(changetype<usize>(this) + 0));
  }
  /** Four 6-bit scales of sub-blocks 4g …, one per byte. */
  @inline sixBits(g: i32): u32 {
    const low = <u32>load<u16>(changetype<usize>(this) + 2 * g, 4);
    const high = <u32>load<u8>(changetype<usize>(this) + g, 2);
    const low8 = (low | (low << 8)) & 0x00ff00ff;
    const high4 = (high | (high << 12)) & 0x000f000f;
    return ((low8 | (low8 << 4)) & 0x0f0f0f0f) | (((high4 | (high4 << 6)) & 0x03030303) << 4);
  }
  @inline scales(g: i32): v128 {
    return f32x4.sub(signedBytesToFloats(this.sixBits(g)), f32x4.splat(32));
  }
  @inline scale(j: i32): f32 {
    const six = <i32>(this.sixBits(j >> 2) >> (8 * (j & 3))) & 63;
    return half(changetype<usize>(this)) * <f32>(six - 32);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
