import { bitField, everyByte, lowNibbles, signedBytesToFloats } from '../bits';
import { half, halfInVector } from '../half';

/*
 * Q3_K, 256 values in 16 sub-blocks of 16: value = d·(scale − 32)·(code − 4).
 *
 *   0    hmask   [32] bit j of byte l is bit 2 of code 32j + l
 *   32   qs      [32 per 128 values] bits 2g, 2g + 1 are the low bits of the codes of group g of 32
 *   96   scales  [12] sixteen 6-bit scales: low four bits in 8 bytes (j and j + 8), high two bits in 4 bytes (j, j + 4, …)
 *   108  d       f16
 */
@unmanaged export class Q3_K {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 110; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 4; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load(changetype<usize>(this) + (32 + 32 * (i >> 3) + 16 * (i & 1)));
    const high = bitField(v128.load(changetype<usize>(this) + (16 * (i & 1))), (i >> 1) - 2, 4);
    return v128.or(high, bitField(q, 2 * ((i >> 1) & 3), 3));
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + 32 * (i >> 7) + (i & 31), 32) >> (2 * ((i >> 5) & 3));
    const high = (<i32>load<u8>(changetype<usize>(this) + (i & 31)) >> (i >> 5)) & 1;
    return (q & 3) | (high << 2);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this) + 108); }
  /** Sixteen scales, 32 taken away, one per byte. */
  @inline sixBits(): v128 {
    const low = v128.load64_zero(changetype<usize>(this), 96);
    const four = lowNibbles(v128.shuffle<i64>(low, i32x4.shr_u(low, 4), 0, 2));
    const high = v128.load32_splat(changetype<usize>(this), 104);
    // Bits 2g, 2g + 1 of lane g go to bits 4, 5.
    const first = v128.shuffle<i32>(i32x4.shl(high, 4), i32x4.shl(high, 2), 0, 4, 1, 5);
    const last = v128.shuffle<i32>(high, i32x4.shr_u(high, 2), 0, 4, 1, 5);
    const two = v128.and(v128.shuffle<i64>(first, last, 0, 2), everyByte(48));
    return i8x16.sub(v128.or(four, two), everyByte(32));
  }
  @inline scales(g: i32): v128 { return signedBytesToFloats(this.sixBits(), g); }
  @inline scale(j: i32): f32 {
    const low = <i32>load<u8>(changetype<usize>(this) + (j & 7), 96) >> (j < 8 ? 0 : 4);
    const high = <i32>load<u8>(changetype<usize>(this) + (j & 3), 104) >> (2 * (j >> 2));
    return half(changetype<usize>(this) + 108) * <f32>(((low & 15) | ((high & 3) << 4)) - 32);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
