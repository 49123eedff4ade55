import { IQ2_XXS as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { evenMasks, evenSigns, halfUp, oneValue, twoPoints, withSigns } from '../points';

/*
 * IQ2_XXS, 256 values in 8 sub-blocks of 32: value = ±d·(a + ½)/4·book[entry]; 43 is added to keep codes unsigned.
 *
 *   0    d   f16
 *   2    per sub-block: entries [4] u8; u32: bits 7k … 7k + 6 the signs of entry k, the eighth makes minuses even;
 *        bits 28 … 31 a
 */
@unmanaged export class IQ2_XXS {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 66; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 43; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const group = changetype<usize>(this) + 8 * (i >> 1);
    const entries = group + 2 * (i & 1);
    const q = twoPoints(BOOK, load<u8>(entries, 2), load<u8>(entries, 3));
    return withSigns(q, evenMasks(load<u32>(group, 6), 14 * (i & 1)), 43);
  }
  @inline code(i: i32): i32 {
    const group = changetype<usize>(this) + 8 * (i >> 5);
    const k = (i >> 3) & 3;
    return oneValue(BOOK, load<u8>(group + k, 2), 8, i, evenSigns(load<u32>(group, 6) >> (7 * k)), 43);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    const at = changetype<usize>(this) + 32 * g;
    const words = v128.shuffle<i32>(v128.load(at, 2), v128.load(at, 18), 1, 3, 5, 7);
    return halfUp(f32x4.convert_i32x4_s(i32x4.shr_u(words, 28)), 0.25);
  }
  @inline scale(j: i32): f32 {
    const a = load<u32>(changetype<usize>(this) + 8 * j, 6) >> 28;
    return half(changetype<usize>(this)) * (<f32>a * 0.25 + 0.125);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
