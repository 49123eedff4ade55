/** `tile.ts` for machines without SIMD: 4 × 2 elements. */
export const MR: i32 = 4;
export const NR: i32 = 2;

export function tile(a: usize, b: usize, k: i32, c: usize, cRow: usize, accumulate: bool): void {
  let c00: f32 = 0, c01: f32 = 0, c10: f32 = 0, c11: f32 = 0;
  let c20: f32 = 0, c21: f32 = 0, c30: f32 = 0, c31: f32 = 0;
  for (const end = a + <usize>k * 16; a < end; a += 16, b += 8) {
    const b0 = load<f32>(b), b1 = load<f32>(b, 4);
    let x = load<f32>(a); c00 += x * b0; c01 += x * b1;
    x = load<f32>(a, 4); c10 += x * b0; c11 += x * b1;
    x = load<f32>(a, 8); c20 += x * b0; c21 += x * b1;
    x = load<f32>(a, 12); c30 += x * b0; c31 += x * b1;
  }
  storeRow(c, c00, c01, accumulate);
  storeRow(c + cRow, c10, c11, accumulate);
  storeRow(c + 2 * cRow, c20, c21, accumulate);
  storeRow(c + 3 * cRow, c30, c31, accumulate);
}

// @ts-ignore: decorator
@inline function storeRow(c: usize, x0: f32, x1: f32, accumulate: bool): void {
  store<f32>(c, accumulate ? load<f32>(c) + x0 : x0);
  store<f32>(c, accumulate ? load<f32>(c, 4) + x1 : x1, 4);
}
