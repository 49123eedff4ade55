import { bitField, moveBit, signedBytesToFloats } from '../bits';
import { half } from '../half';

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
    const q = v128.load(changetype<usize>(this) + 32 * (i >> 3) + 16 * (i & 1), 32);
    const high = moveBit(v128.load(changetype<usize>(this) + 16 * (i & 1)), i >> 1, 2);
    return v128.or(high, bitField(q, 2 * ((i >> 1) & 3), 3));
  }
  @inline code(i: i32): i32 {
    const q = <i32>load<u8>(changetype<usize>(this) + 32 * (i >> 7) + (i & 31), 32) >> (2 * ((i >> 5) & 3));
    const high = (<i32>load<u8>(changetype<usize>(this) + (i & 31)) >> (i >> 5)) & 1;
    return (q & 3) | (high << 2);
  }
  @inline factors(): v128 {
    return f32x4.splat(half(changetype<usize>(this) + 108));
  }
  /** Four 6-bit scales of sub-blocks 4g …, one per byte. */
  @inline sixBits(g: i32): u32 {
    const low = load<u32>(changetype<usize>(this) + 4 * (g & 1), 96) >> (g & 2 ? 4 : 0);
    const high = load<u32>(changetype<usize>(this), 104) >> (2 * g);
    return (low & 0x0f0f0f0f) | ((high & 0x03030303) << 4);
  }
  @inline scales(g: i32): v128 {
    return f32x4.sub(signedBytesToFloats(this.sixBits(g)), f32x4.splat(32));
  }
  @inline scale(j: i32): f32 {
    const six = <i32>(this.sixBits(j >> 2) >> (8 * (j & 3))) & 63;
    return half(changetype<usize>(this) + 108) * <f32>(six - 32);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
