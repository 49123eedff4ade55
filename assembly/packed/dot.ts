/*
 * The integer inner loop: products of int8 activations and weight codes, added into four 32-bit lanes. Exact in every
 * build. Relaxed dot products are used only where all engines must agree: one operand within 0 … 127 and no sum of two
 * products beyond 16 bits. Weight codes of most formats are such operands; signed codes (Q8_0, IQ4) meet the positive
 * and the negative part of the activations in two dot products instead.
 *
 * `x` addresses the activations' codes; `wide` and `negative` their wide forms (activations.ts): positive and negative
 * parts (relaxed build), or 16-bit codes and nothing. `offset` is a constant, in values.
 */

/** Σ over 16 values. */
// @ts-ignore: decorator
@inline export function dot16<F>(codes: v128, offset: i32, x: usize, wide: usize, negative: usize): v128 {
  const zero = i32x4.splat(0);
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (!changetype<F>(0).signed()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(x + offset), codes, zero);
    const positive = i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, v128.load(wide + offset), zero);
    return i32x4.sub(positive, i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, v128.load(negative + offset), zero));
  }
  const low = v128.load(wide + 2 * offset);
  const high = v128.load(wide + (2 * offset + 16));
  if (changetype<F>(0).signed()) {
    const sum = i32x4.dot_i16x8_s(low, i16x8.extend_low_i8x16_s(codes));
    return i32x4.add(sum, i32x4.dot_i16x8_s(high, i16x8.extend_high_i8x16_s(codes)));
  }
  const sum = i32x4.dot_i16x8_s(low, i16x8.extend_low_i8x16_u(codes));
  return i32x4.add(sum, i32x4.dot_i16x8_s(high, i16x8.extend_high_i8x16_u(codes)));
}

/** Σ over 32 values. */
// @ts-ignore: decorator
@inline export function dot32<F>(a: v128, b: v128, offset: i32, x: usize, wide: usize, negative: usize): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (!changetype<F>(0).signed()) {
      const first = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(x + offset), a, i32x4.splat(0));
      return i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(x + (offset + 16)), b, first);
    }
    let plus = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, v128.load(wide + offset), i32x4.splat(0));
    plus = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, v128.load(wide + (offset + 16)), plus);
    let minus = i32x4.relaxed_dot_i8x16_i7x16_add_s(a, v128.load(negative + offset), i32x4.splat(0));
    minus = i32x4.relaxed_dot_i8x16_i7x16_add_s(b, v128.load(negative + (offset + 16)), minus);
    return i32x4.sub(plus, minus);
  }
  return i32x4.add(dot16<F>(a, offset, x, wide, negative), dot16<F>(b, offset + 16, x, wide, negative));
}
