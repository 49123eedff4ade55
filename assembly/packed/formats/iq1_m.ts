import { IQ1 as BOOK } from '../books';
import { halfOf, halves } from '../half';
import { halfUp, twoPoints } from '../points';

// @ts-ignore: decorator
@lazy const SHIFTS: usize = memory.data<u64>([0x0202020202020202, 0], 16);
// Vector constant in memory: see half.ts.
// @ts-ignore: decorator
@lazy const THREES_TO_TOP: usize = memory.data<u32>([0x20000000, 0x4000000, 0x800000, 0x100000], 16);

/*
 * IQ1_M, 256 values in 16 sub-blocks of 16: value = d·(2a + 1)/8·(8·level ± 1). The book holds 8·(level + 1), so codes
 * are by 9 too large.
 *
 *   0    entries  [32] their low eight bits
 *   32   high     [16] half k % 2 of byte ⌊k/2⌋: bits 8 … 10 of entry k, then one bit that means −
 *   48   [4] u16: a of four sub-blocks in bits 0 … 11; bits 12 … 15 of word j are bits 4j … 4j + 3 of d, f16
 */
@unmanaged export class IQ1_M {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 56; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 9; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const at = changetype<usize>(this) + 2 * i;
    const high = <u32>load<u8>(changetype<usize>(this) + (32 + i));
    const q = twoPoints(BOOK, load<u8>(at) | ((high & 7) << 8), load<u8>(at, 1) | ((high << 4) & 0x700));
    return i8x16.add(q, twoPoints(SHIFTS, (high >> 3) & 1, high >> 7));
  }
  @inline code(i: i32): i32 {
    const k = i >> 3;
    const high = <i32>load<u8>(changetype<usize>(this) + (k >> 1), 32) >> (4 * (k & 1));
    const entry = <i32>load<u8>(changetype<usize>(this) + k) | ((high & 7) << 8);
    return <i32>load<i8>(BOOK + 8 * entry + (i & 7)) + 2 - ((high >> 2) & 2);
  }
  @inline halfBits(): u32 {
    const low = (load<u16>(changetype<usize>(this), 48) >> 12) | ((load<u16>(changetype<usize>(this), 50) >> 8) & 0xf0);
    const high = ((load<u16>(changetype<usize>(this), 52) >> 4) & 0xf00) | (load<u16>(changetype<usize>(this), 54) & 0xf000);
    return <u32>low | <u32>high;
  }
  @inline factors(): v128 { return halves(i32x4.splat(this.halfBits() << 16)); }
  @inline scales(g: i32): v128 {
    const word = i32x4.splat(<i32>load<u16>(changetype<usize>(this) + (48 + 2 * g)));
    return halfUp(f32x4.convert_i32x4_s(i32x4.shr_u(i32x4.mul(word, v128.load(THREES_TO_TOP)), 29)), 0.25);
  }
  @inline scale(j: i32): f32 {
    const a = (<i32>load<u16>(changetype<usize>(this) + 2 * (j >> 2), 48) >> (3 * (j & 3))) & 7;
    return halfOf(this.halfBits()) * (<f32>a * 0.25 + 0.125);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
