import { bitField } from '../bits';
import { half, halfInVector } from '../half';

/*
 * TQ2_0, 256 values: value = d·(code − 1).
 *
 *   0    qs  [32 per 128 values] bits 2g, 2g + 1 are the codes of group g of 32
 *   64   d   f16
 */
@unmanaged export class TQ2_0 {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 66; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 1; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    return bitField(v128.load(changetype<usize>(this) + (32 * (i >> 3) + 16 * (i & 1))), 2 * ((i >> 1) & 3), 3);
  }
  @inline code(i: i32): i32 {
    return (<i32>load<u8>(changetype<usize>(this) + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this) + 64); }
  @inline scales(g: i32): v128 { return f32x4.splat(1); }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this) + 64); }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}
