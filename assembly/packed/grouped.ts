/*
 * Products of runs of rows with packed matrices: rows offsets[e] … offsets[e + 1] − 1 of x times matrix e of w, each with
 * the kernels that a product of its own has. Below `together` rows a run is multiplied row by row.
 */

export type Round = (x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32) => void;
export type Multiply = (x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32) => void;

/** Places of rounded rows, `rowBytes` each, that a run takes: whole tiles of rows that are multiplied together. */
// @ts-ignore: decorator
@inline function places(m: i32, together: i32): i32 { return m < together ? m : (m + 3) & -4; }

// @ts-ignore: decorator
@inline function offset(offsets: usize, e: i32): i32 { return load<i32>(offsets + (<usize>e << 2)); }

/** Rounds every run of x into places of `rowBytes`, one run after the other. */
export function roundRuns(
  round: Round, x: usize, to: usize, offsets: usize, experts: i32, k: i32, together: i32, rowBytes: i32, ith: i32, nth: i32,
): void {
  for (let e = 0; e < experts; e++) {
    const m = offset(offsets, e + 1) - offset(offsets, e);
    if (m <= 0) continue;
    const from = x + <usize>offset(offsets, e) * <usize>k * 4;
    if (m >= together) round(from, to, m, k, ith, nth);
    else for (let i = 0; i < m; i++) round(from + <usize>i * <usize>k * 4, to + <usize>i * rowBytes, 1, k, ith, nth);
    to += <usize>places(m, together) * rowBytes;
  }
}

/** y[rows, n] from what `roundRuns` left; `matrix` bytes of one expert's blocks. */
export function multiplyRuns(
  multiply: Multiply, x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize,
  together: i32, rowBytes: i32, ith: i32, nth: i32,
): void {
  for (let e = 0; e < experts; e++) {
    const m = offset(offsets, e + 1) - offset(offsets, e);
    if (m <= 0) continue;
    const blocks = w + <usize>e * matrix;
    const out = y + <usize>offset(offsets, e) * <usize>n * 4;
    if (m >= together) multiply(x, blocks, out, m, n, k, ith, nth);
    else for (let i = 0; i < m; i++) multiply(x + <usize>i * rowBytes, blocks, out + <usize>i * <usize>n * 4, 1, n, k, ith, nth);
    x += <usize>places(m, together) * rowBytes;
  }
}

/** The same for weights that meet x as it is. */
export function multiplyFloatRuns(
  multiply: Multiply, x: usize, w: usize, y: usize, offsets: usize, experts: i32, n: i32, k: i32, matrix: usize,
  ith: i32, nth: i32,
): void {
  for (let e = 0; e < experts; e++) {
    const first = offset(offsets, e);
    const m = offset(offsets, e + 1) - first;
    if (m <= 0) continue;
    const from = x + <usize>first * <usize>k * 4;
    multiply(from, w + <usize>e * matrix, y + <usize>first * <usize>n * 4, m, n, k, ith, nth);
  }
}
