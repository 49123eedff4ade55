import { matmul } from './gemm';

/**
 * Products of runs of rows: rows offsets[e] … offsets[e + 1] − 1 of y[rows, n] = those of x[rows, k] times matrix e of
 * w, each as `matmul` alone has it.
 * @param wK, wColumn from w(k,j) to w(k+1,j) and to w(k,j+1), in elements
 */
export function groupedMatmul(
  x: usize, w: usize, wK: i32, wColumn: i32, y: usize, offsets: usize, experts: i32, n: i32, k: i32, ith: i32, nth: i32,
): void {
  const matrix = <usize>n * <usize>k * 4;
  for (let e = 0; e < experts; e++) {
    const from = load<i32>(offsets + (<usize>e << 2));
    const m = load<i32>(offsets + (<usize>e << 2), 4) - from;
    if (m <= 0) continue;
    const xRows = x + <usize>from * <usize>k * 4;
    const yRows = y + <usize>from * <usize>n * 4;
    matmul(xRows, k, 1, w + <usize>e * matrix, wK, wColumn, yRows, n, m, n, k, 0, ith, nth);
  }
}
