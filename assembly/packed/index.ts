/*
 * y[m, rows] = x[m, k] · Wᵀ straight from the blocks of W [rows, k / values], one kernel per format, named after it. For
 * F32, F16 and BF16 x is float32; for the others `packed…` takes what `round…` of the same format made of x[m, k].
 * `roundRuns…` and `packedRuns…` do that for runs of rows that have a matrix each (grouped.ts).
 * `decode…` makes float32 of `count` blocks. Those of the files in formats/ are written when the kernels are built, see
 * ../generated.ts.
 */
import { BF16, decodeFloats, F16, F32, matmulFloats } from './floats';
import { multiplyFloatRuns } from './grouped';

export * from './kernels';

export function packedF32(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<F32>(x, w, y, m, rows, k, ith, nth);
}
export function packedRunsF32(
  x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize, ith: i32, nth: i32,
): void {
  multiplyFloatRuns(packedF32, x, w, y, offsets, experts, n, k, matrix, ith, nth);
}

export function packedF16(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<F16>(x, w, y, m, rows, k, ith, nth);
}
export function packedRunsF16(
  x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize, ith: i32, nth: i32,
): void {
  multiplyFloatRuns(packedF16, x, w, y, offsets, experts, n, k, matrix, ith, nth);
}
export function decodeF16(blocks: usize, values: usize, count: i32, ith: i32, nth: i32): void {
  decodeFloats<F16>(blocks, values, count, ith, nth);
}

export function packedBF16(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<BF16>(x, w, y, m, rows, k, ith, nth);
}
export function packedRunsBF16(
  x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize, ith: i32, nth: i32,
): void {
  multiplyFloatRuns(packedBF16, x, w, y, offsets, experts, n, k, matrix, ith, nth);
}
export function decodeBF16(blocks: usize, values: usize, count: i32, ith: i32, nth: i32): void {
  decodeFloats<BF16>(blocks, values, count, ith, nth);
}
