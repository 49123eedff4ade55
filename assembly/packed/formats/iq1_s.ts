import { shortsToFloats } from '../bits';
import { IQ1 as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { halfUp, twoPoints } from '../points';

// Vector constant in memory: see half.ts.
// @ts-ignore: decorator
@lazy const SEVEN: usize = memory.data<u16>([7, 7, 7, 7, 7, 7, 7, 7], 16);

/*
 * IQ1_S, 256 values in 8 sub-blocks of 32: value = d·(2a + 1)/8·(8·level ± 1). The book holds 8·(level + 1), so codes are
 * by 9 too large.
 *
 *   0    d        f16
 *   2    entries  [32] their low eight bits
 *   34   [8] u16: bits 3k … 3k + 2 are bits 8 … 10 of entry k, bits 12 … 14 a, bit 15 means −
 */
@unmanaged export class IQ1_S {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 50; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 9; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const at = changetype<usize>(this) + 2 * i;
    const word = <u32>load<u16>(changetype<usize>(this) + (34 + 2 * (i >> 1)));
    const first = i & 1 ? word << 2 : word << 8;
    const second = i & 1 ? word >> 1 : word << 5;
    const q = twoPoints(BOOK, load<u8>(at, 2) | (first & 0x700), load<u8>(at, 3) | (second & 0x700));
    return i8x16.add(q, i8x16.splat(<i8>(2 - ((word >> 14) & 2))));
  }
  @inline code(i: i32): i32 {
    const k = i >> 3;
    const word = <i32>load<u16>(changetype<usize>(this) + 2 * (k >> 2), 34);
    const entry = <i32>load<u8>(changetype<usize>(this) + k, 2) | (((word >> (3 * (k & 3))) & 7) << 8);
    return <i32>load<i8>(BOOK + 8 * entry + (i & 7)) + 2 - ((word >> 14) & 2);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    const a = v128.and(i16x8.shr_u(v128.load(changetype<usize>(this), 34), 12), v128.load(SEVEN));
    return halfUp(shortsToFloats(a, g), 0.25);
  }
  @inline scale(j: i32): f32 {
    const a = (load<u16>(changetype<usize>(this) + 2 * j, 34) >> 12) & 7;
    return half(changetype<usize>(this)) * (<f32>a * 0.25 + 0.125);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
