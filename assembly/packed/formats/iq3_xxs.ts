import { IQ3_XXS as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { evenMasks, evenSigns, fourPoints, halfUp, oneValue, withSigns } from '../points';

/*
 * IQ3_XXS, 256 values in 8 sub-blocks of 32: value = ±d·(a + ½)/2·book[entry]; 62 is added to keep codes unsigned.
 *
 *   0    d        f16
 *   2    entries  [64]
 *   66   [8] u32: bits 7k … 7k + 6 the signs of entries 2k, 2k + 1, of which an eighth makes minuses even; bits 28 … 31 a
 */
@unmanaged export class IQ3_XXS {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 98; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 62; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const at = changetype<usize>(this) + 4 * i;
    const q = fourPoints(BOOK, load<u8>(at, 2), load<u8>(at, 3), load<u8>(at, 4), load<u8>(at, 5));
    return withSigns(q, evenMasks(load<u32>(changetype<usize>(this) + (66 + 4 * (i >> 1))), 14 * (i & 1)), 62);
  }
  @inline code(i: i32): i32 {
    const signs = evenSigns(load<u32>(changetype<usize>(this) + 4 * (i >> 5), 66) >> (7 * ((i >> 3) & 3)));
    return oneValue(BOOK, load<u8>(changetype<usize>(this) + (i >> 2), 2), 4, i, signs, 62);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    return halfUp(f32x4.convert_i32x4_s(i32x4.shr_u(v128.load(changetype<usize>(this) + (66 + 16 * g)), 28)), 0.5);
  }
  @inline scale(j: i32): f32 {
    const a = load<u32>(changetype<usize>(this) + 4 * j, 66) >> 28;
    return half(changetype<usize>(this)) * (<f32>a * 0.5 + 0.25);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
