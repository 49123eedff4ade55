/*
 * The integer inner loop: sixteen products of int8 activations and weight codes, added into four 32-bit lanes. Exact
 * in every build. Relaxed dot products are used only where all engines must agree: one operand within 0 … 127 and no
 * sum of two products beyond 16 bits. Weight codes of most formats are such operands; signed codes (Q8_0, IQ4) meet
 * the positive and the negative part of the activations in two dot products instead.
 */

/** Activations of one row of x: addresses of its codes and of their wide forms (see activations.ts). */
// @ts-ignore: decorator
@inline export function dot16<F>(codes: v128, at: i32, row: usize, wide: usize, all: usize, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (!changetype<F>(0).signed()) return i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(row + at), codes, sum);
    const positive = i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, v128.load(wide + at), sum);
    const zero = i32x4.splat(0);
    return i32x4.sub(positive, i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, v128.load(wide + all + at), zero));
  }
  const a = v128.load(wide + 2 * at);
  const b = v128.load(wide + 2 * at, 16);
  if (changetype<F>(0).signed()) {
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(a, i16x8.extend_low_i8x16_s(codes)));
    return i32x4.add(sum, i32x4.dot_i16x8_s(b, i16x8.extend_high_i8x16_s(codes)));
  }
  sum = i32x4.add(sum, i32x4.dot_i16x8_s(a, i16x8.extend_low_i8x16_u(codes)));
  return i32x4.add(sum, i32x4.dot_i16x8_s(b, i16x8.extend_high_i8x16_u(codes)));
}
