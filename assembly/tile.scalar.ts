/** `tile.ts` for machines without SIMD: 2 × 2 elements. */
export const MR: i32 = 2;
export const NR: i32 = 2;

export function tile(a: usize, b: usize, k: i32, c: usize, cRow: usize, accumulate: bool): void {
  let c00: f32 = 0, c01: f32 = 0, c10: f32 = 0, c11: f32 = 0;
  for (const end = a + <usize>k * 8; a < end; a += 8, b += 8) {
    const a0 = load<f32>(a), a1 = load<f32>(a, 4), b0 = load<f32>(b), b1 = load<f32>(b, 4);
    c00 += a0 * b0; c01 += a0 * b1;
    c10 += a1 * b0; c11 += a1 * b1;
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + cRow, c10, c11, accumulate);
}

// @ts-ignore: decorator
@inline function storeRow(c: usize, x0: f32, x1: f32, accumulate: bool): void {
  store<f32>(c, accumulate ? load<f32>(c) + x0 : x0);
  store<f32>(c, accumulate ? load<f32>(c, 4) + x1 : x1, 4);
}
