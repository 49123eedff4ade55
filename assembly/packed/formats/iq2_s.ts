import { bytesToFloats, nibblesInOrder } from '../bits';
import { IQ2_S as BOOK } from '../books';
import { half, halfInVector } from '../half';
import { halfUp, oneValue, signMasks, twoPoints, withSigns } from '../points';

/*
 * IQ2_S, 256 values in 16 sub-blocks of 16: value = ±d·(a + ½)/4·book[entry]; 43 is added to keep codes unsigned.
 *
 *   0    d        f16
 *   2    entries  [32] their low eight bits
 *   34   signs    [32] bit i of byte k: value 8k + i is negative
 *   66   high     [8] bits 2k, 2k + 1 of byte j are bits 8, 9 of entry 4j + k
 *   74   scales   [8] a of two sub-blocks each, the first in the low four bits
 */
@unmanaged export class IQ2_S {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 82; }
  @inline sub(): i32 { return 16; }
  @inline zero(): i32 { return 43; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    const at = changetype<usize>(this) + 2 * i;
    const high = <u32>load<u8>(changetype<usize>(this) + (66 + (i >> 1)));
    const a = <usize>(load<u8>(at, 2) | ((high << (8 - 4 * (i & 1))) & 0x300));
    const b = <usize>(load<u8>(at, 3) | ((high << (6 - 4 * (i & 1))) & 0x300));
    return withSigns(twoPoints(BOOK, a, b), signMasks(at + 34), 43);
  }
  @inline code(i: i32): i32 {
    const k = i >> 3;
    const high = (<i32>load<u8>(changetype<usize>(this) + (k >> 2), 66) >> (2 * (k & 3))) & 3;
    const entry = <i32>load<u8>(changetype<usize>(this) + k, 2) | (high << 8);
    return oneValue(BOOK, entry, 8, i, load<u8>(changetype<usize>(this) + k, 34), 43);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this)); }
  @inline scales(g: i32): v128 {
    return halfUp(bytesToFloats(nibblesInOrder(v128.load64_zero(changetype<usize>(this), 74)), g), 0.25);
  }
  @inline scale(j: i32): f32 {
    const a = (load<u8>(changetype<usize>(this) + (j >> 1), 74) >> <u8>(4 * (j & 1))) & 15;
    return half(changetype<usize>(this)) * (<f32>a * 0.25 + 0.125);
  }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
