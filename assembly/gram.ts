import { packA, packB, multiplyPacked, passLength } from './gemm';
import { SIDE, transposeBlock } from './transpose';
import { shareStart } from './share';

/** Columns of a that are packed at once, and rows per item of work. */
const STRIP: i32 = 256;
const CHUNK: i32 = 36;

/**
 * Lower triangle of a[n,n] += Σ_t weight_t·x_t·x_tᵀ over rows of x[t,n]; `weight` [t] or 0. Rows of both are `stride`
 * elements apart.
 * Chunks of rows are dealt in turn, since a row's work grows with its number.
 */
export function gram(x: usize, weight: usize, a: usize, t: i32, n: i32, stride: i32, ith: i32, nth: i32): void {
  const pass = passLength(t);
  for (let l = 0; l < t; l += pass) {
    const steps = min(pass, t - l);
    const rows = x + <usize>l * <usize>stride * 4;
    const factors = weight ? weight + <usize>l * 4 : 0;
    for (let j = 0; j < n; j += STRIP) {
      const columns = min(STRIP, n - j);
      packB(rows + <usize>j * 4, stride, 1, columns, steps);
      for (let i = j + ith * CHUNK; i < n; i += nth * CHUNK) {
        const count = min(CHUNK, n - i);
        packA(rows + <usize>i * 4, 1, stride, count, steps, factors);
        multiplyPacked(a + (<usize>i * <usize>stride + <usize>j) * 4, stride, count, columns, steps, true, i - j);
      }
    }
  }
}

/** Copies the lower triangle of a[n,n] to the upper one, blocks of SIDE × SIDE dealt in turn. */
export function mirror(a: usize, n: i32, ith: i32, nth: i32): void {
  const row = <usize>n * 4;
  for (let i = ith * SIDE; i < n; i += nth * SIDE) {
    const rows = min(SIDE, n - i);
    for (let j = 0; j < i; j += SIDE) transposeBlock(a + <usize>j * row + <usize>i * 4, a + <usize>i * row + <usize>j * 4, row, rows);
    for (let r = i; r < i + rows; r++) {
      for (let c = i; c < r; c++) store<f32>(a + <usize>c * row + <usize>r * 4, load<f32>(a + <usize>r * row + <usize>c * 4));
    }
  }
}
