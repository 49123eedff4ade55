import { half, halfInVector } from '../half';

// Vector constants in memory: see half.ts.
/** Fractions from these on have the digits 1 and 2: a third and two thirds of 256, rounded up. */
// @ts-ignore: decorator
@lazy const THIRD: usize = memory.data<u64>([0x5656565656565656, 0x5656565656565656], 16);
// @ts-ignore: decorator
@lazy const TWO_THIRDS: usize = memory.data<u64>([0xabababababababab, 0xabababababababab], 16);

/*
 * TQ1_0, 256 values: value = d·(digit − 1). A byte b is the fraction b/256 in base 3: digit n is ⌊3·frac(b·3ⁿ/256)⌋.
 * Values run over the bytes of a group first, then over digits.
 *
 *   0    [32] five digits, values 0 … 159
 *   32   [16] five digits, values 160 … 239
 *   48   [4] four digits, values 240 … 255
 *   52   d  f16
 */
@unmanaged export class TQ1_0 {
  @inline values(): i32 { return 256; }
  @inline bytes(): usize { return 54; }
  @inline sub(): i32 { return 32; }
  @inline zero(): i32 { return 1; }
  @inline signed(): bool { return false; }
  @inline hasMinimum(): bool { return false; }

  @inline codes(i: i32): v128 {
    if (i < 10) return digits(timesPower(v128.load(changetype<usize>(this) + 16 * (i & 1)), i >> 1));
    if (i < 15) return digits(timesPower(v128.load(changetype<usize>(this), 32), i - 10));
    const b = v128.load32_splat(changetype<usize>(this), 48);
    const first = v128.shuffle<i32>(b, timesPower(b, 1), 0, 4, 0, 4);
    const last = v128.shuffle<i32>(timesPower(b, 2), timesPower(b, 3), 0, 4, 0, 4);
    return digits(v128.shuffle<i64>(first, last, 0, 2));
  }
  @inline code(i: i32): i32 {
    let at = 48 + (i & 3);
    let n = (i - 240) >> 2;
    if (i < 160) {
      at = i & 31;
      n = i >> 5;
    } else if (i < 240) {
      at = 32 + (i & 15);
      n = (i - 160) >> 4;
    }
    let fraction = <u32>load<u8>(changetype<usize>(this) + at);
    for (; n > 0; n--) fraction = (fraction * 3) & 255;
    return <i32>((fraction * 3) >> 8);
  }
  @inline factors(): v128 { return halfInVector(changetype<usize>(this) + 52); }
  @inline scales(g: i32): v128 { return f32x4.splat(1); }
  @inline scale(j: i32): f32 { return half(changetype<usize>(this) + 52); }
  @inline minimums(g: i32): v128 { return f32x4.splat(0); }
  @inline minimum(j: i32): f32 { return 0; }
}

/** b·3ⁿ modulo 256, n constant. */
// @ts-ignore: decorator
@inline function timesPower(b: v128, n: i32): v128 {
  if (n > 0) b = i8x16.add(b, i8x16.add(b, b));
  if (n > 1) b = i8x16.add(b, i8x16.add(b, b));
  if (n > 2) b = i8x16.add(b, i8x16.add(b, b));
  if (n > 3) b = i8x16.add(b, i8x16.add(b, b));
  return b;
}

/** First digits of fractions. */
// @ts-ignore: decorator
@inline function digits(fraction: v128): v128 {
  const least = i8x16.add(i8x16.ge_u(fraction, v128.load(THIRD)), i8x16.ge_u(fraction, v128.load(TWO_THIRDS)));
  return i8x16.neg(least);
}
