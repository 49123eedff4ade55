import { bytesToFloats, nibblesInOrder } from '../bits';
import { EVEN_MASKS, IQ2_XS as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { evenSigns, halfUp, oneValue, twoPoints, withSigns } from '../points';

/*
 * IQ2_XS, 256 values in 16 sub-blocks of 16: value = ±d·(a + ½)/4·book[entry]; 43 is added to keep codes unsigned.
 *
 *   0    d      f16
 *   2    [32] u16: entry in the low 9 bits, above them the signs, of which an eighth makes minuses even
 *   66   scales [8] a of two sub-blocks each, the first in the low four bits
 */
@unmanaged export class IQ2_XS {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 74; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 43; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const a = <usize>load<u16>(changetype<usize>(this) + (2 + 4 * i));
    const b = <usize>load<u16>(changetype<usize>(this) + (4 + 4 * i));
    return withSigns(twoPoints(BOOK, a & 511, b & 511), twoPoints(EVEN_MASKS, a >> 9, b >> 9), 43);
  }
  @inline code(i: i32): i32 {
    const word = <u32>load<u16>(changetype<usize>(this) + 2 * (i >> 3), 2);
    return oneValue(BOOK, word & 511, 8, i, evenSigns(word >> 9), 43);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    return halfUp(bytesToFloats(nibblesInOrder(v128.load64_zero(changetype<usize>(this), 66)), g), 0.25);
  }
  @inline scale(j: i32): f32 {
    const a = (load<u8>(changetype<usize>(this) + (j >> 1), 66) >> <u8>(4 * (j & 1))) & 15;
    return half(changetype<usize>(this)) * (<f32>a * 0.25 + 0.125);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
