import { LANES, vtranspose } from './lanes';

/** Side of the blocks in which large matrices are transposed: both blocks fit the first-level cache. */
export const SIDE: i32 = 32;

/** Transposes `rows` ≤ SIDE rows of SIDE values; both blocks have rows `row` bytes apart. */
export function transposeBlock(to: usize, from: usize, row: usize, rows: i32): void {
  let r = 0;
  for (; r + LANES <= rows; r += LANES) {
    for (let c = 0; c < SIDE; c += LANES) {
      vtranspose(to + <usize>c * row + <usize>r * 4, row, from + <usize>r * row + <usize>c * 4, row);
    }
  }
  for (; r < rows; r++) {
    for (let c = 0; c < SIDE; c++) store<f32>(to + <usize>c * row + <usize>r * 4, load<f32>(from + <usize>r * row + <usize>c * 4));
  }
}
