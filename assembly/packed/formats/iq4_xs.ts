import { highNibbles, lookUp, lowNibbles, NON_LINEAR, shortsToFloats } from '../bits';
import { half, halfInVector } from '../half';

// Vector constants in memory: see half.ts.
// @ts-ignore: decorator
@lazy const NIBBLES_TO_TOP: usize = memory.data<u16>([4096, 256, 16, 1, 4096, 256, 16, 1], 16);
// @ts-ignore: decorator
@lazy const PAIRS_TO_TOP: usize = memory.data<u16>([16384, 4096, 1024, 256, 64, 16, 4, 1], 16);
// @ts-ignore: decorator
@lazy const THIRTY_TWO: usize = memory.data<u16>([32, 32, 32, 32, 32, 32, 32, 32], 16);

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
    const q = v128.load(changetype<usize>(this) + (8 + 16 * (i >> 1)));
    return lookUp(v128.load(NON_LINEAR), i & 1 ? highNibbles(q) : lowNibbles(q));
  }
  @inline code(i: i32): i32 {
    const q = <usize>load<u8>(changetype<usize>(this) + 16 * (i >> 5) + (i & 15), 8);
    return <i32>load<i8>(NON_LINEAR + (i & 16 ? q >> 4 : q & 15));
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  /** Eight scales of 16 bits, 32 taken away. Each lane shifts its bits to the top by a multiplication. */
  @inline sixBits(): v128 {
    const low = v128.load32_zero(changetype<usize>(this), 4);
    const nibbles = i16x8.mul(v128.shuffle<i16>(low, low, 0, 0, 0, 0, 1, 1, 1, 1), v128.load(NIBBLES_TO_TOP));
    const pairs = i16x8.mul(v128.load16_splat(changetype<usize>(this), 2), v128.load(PAIRS_TO_TOP));
    const high = i16x8.shl(i16x8.shr_u(pairs, 14), 4);
    return i16x8.sub(v128.or(i16x8.shr_u(nibbles, 12), high), v128.load(THIRTY_TWO));
  }
  @inline scales(g: i32): v128 { return shortsToFloats(this.sixBits(), g); }
  @inline scale(j: i32): f32 {
    const low = <i32>load<u8>(changetype<usize>(this) + (j >> 1), 4) >> (4 * (j & 1));
    const high = <i32>load<u16>(changetype<usize>(this), 2) >> (2 * j);
    return half(changetype<usize>(this)) * <f32>(((low & 15) | ((high & 3) << 4)) - 32);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
