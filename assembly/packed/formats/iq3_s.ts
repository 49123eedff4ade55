import { bytesToFloats, nibblesInOrder } from '../bits';
import { IQ3_S as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { fourPoints, halfUp, oneValue, signMasks, withSigns } from '../points';

/*
 * IQ3_S, 256 values in 8 sub-blocks of 32: value = ±d·(2a + 1)·book[entry]; 15 is added to keep codes unsigned.
 *
 *   0    d        f16
 *   2    entries  [64] their low eight bits
 *   66   high     [8] bit k of byte j is bit 8 of entry 8j + k
 *   74   signs    [32] bit i of byte k: value 8k + i is negative
 *   106  scales   [4] a of two sub-blocks each, the first in the low four bits
 */
@unmanaged export class IQ3_S {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 110; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 15; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const at = changetype<usize>(this) + 4 * i;
    const high = <u32>load<u8>(changetype<usize>(this) + (66 + (i >> 1))) << (8 - 4 * (i & 1));
    const q = fourPoints(
      BOOK,
      load<u8>(at, 2) | (high & 256),
      load<u8>(at, 3) | ((high >> 1) & 256),
      load<u8>(at, 4) | ((high >> 2) & 256),
      load<u8>(at, 5) | ((high >> 3) & 256),
    );
    return withSigns(q, signMasks(changetype<usize>(this) + (74 + 2 * i)), 15);
  }
  @inline code(i: i32): i32 {
    const k = i >> 2;
    const high = (<i32>load<u8>(changetype<usize>(this) + (k >> 3), 66) >> (k & 7)) & 1;
    const entry = <i32>load<u8>(changetype<usize>(this) + k, 2) | (high << 8);
    return oneValue(BOOK, entry, 4, i, load<u8>(changetype<usize>(this) + (i >> 3), 74), 15);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    return halfUp(bytesToFloats(nibblesInOrder(v128.load32_zero(changetype<usize>(this), 106)), g), 2);
  }
  @inline scale(j: i32): f32 {
    const a = (load<u8>(changetype<usize>(this) + (j >> 1), 106) >> <u8>(4 * (j & 1))) & 15;
    return half(changetype<usize>(this)) * (<f32>a * 2 + 1);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
