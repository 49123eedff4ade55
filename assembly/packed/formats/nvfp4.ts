import { E2M1, highNibbles, lookUp, lowNibbles } from '../bits';
import { halfE4M3, halfE4M3s } from '../half';

/*
 * NVFP4, 64 values in 4 sub-blocks of 16: value = scale/2·table[code], the table holding doubled E2M1 values; 12 is added
 * to keep codes unsigned.
 *
 *   0   scales  [4] E4M3 without sign
 *   4   qs      [8 per sub-block] code of value i in the low four bits, of value i + 8 in the high four
 */
@unmanaged export class NVFP4 {
  @inline values(): i32 { return 64; }
  @inline bytes(): usize { return 36; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 12; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const q = v128.load64_zero(changetype<usize>(this) + (4 + 8 * i));
    return lookUp(v128.load(E2M1), v128.shuffle<i64>(lowNibbles(q), highNibbles(q), 0, 2));
  }
  @inline code(i: i32): i32 {
    const q = <usize>load<u8>(changetype<usize>(this) + 8 * (i >> 4) + (i & 7), 4);
    return <i32>load<i8>(E2M1 + (i & 8 ? q >> 4 : q & 15));
  }
  @inline scale(j: i32): f32 { return halfE4M3(load<u8>(changetype<usize>(this) + j)); }
  @inline minimum(j: i32): f32 { return 0; }
  @inline scaleOfRows(j: i32, b: usize, c: usize, d: usize): v128 {
    return halfE4M3s(changetype<usize>(this) + j, b + j, c + j, d + j);
  }
  @inline minimumOfRows(j: i32, b: usize, c: usize, d: usize): v128 { return f32x4.splat(0); }
}
