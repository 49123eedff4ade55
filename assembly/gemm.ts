/** Matrix products of float32 matrices with any strides, blocked for the caches and shared between threads. */
import { MR, NR, tile } from './tile';
import { pack } from './pack';
import { scratch, shareStart } from './share';
import { FEW_ROWS, gemv } from './gemv';

/** Steps of k per pass: a panel of b (NR · KC floats, 16 KiB) stays in the first-level cache. */
const KC: i32 = 512;
/** Columns of b packed at once: NC · KC floats (512 KiB) stay in the second-level cache. */
const NC: i32 = 256;
/** Rows of a packed at once. */
const MC: i32 = 96;

/** No limit: larger than any size, and still far from overflow. */
export const NO_DIAGONAL: i32 = 1 << 29;

const PACKED_B_BYTES: usize = <usize>KC * NC * 4;
const PACKED_A_BYTES: usize = <usize>KC * MC * 4;
/** Bytes of scratch that `gemm` uses, from its start; kernels above it may use what follows. */
export const GEMM_SCRATCH: usize = PACKED_B_BYTES + PACKED_A_BYTES + 256;

/** Length of each pass over k: equal passes of at most KC. */
export function passLength(k: i32): i32 {
  const passes = max(1, (k + KC - 1) / KC);
  return (k + passes - 1) / passes;
}

/**
 * c[m,n] = or += a·b on this thread; strides in elements. One of a's strides is 1, and one of b's.
 * @param aRow, aK from a(i,k) to a(i+1,k) and to a(i,k+1)
 * @param bK, bColumn from b(k,j) to b(k+1,j) and to b(k,j+1)
 * @param columnDiagonal row i of c needs only its columns up to i + this; others may be left as they are
 * @param stepDiagonal row i of a is zero past k = i + this
 * @param columnStart row i of c needs only its columns from i + this on
 * @param stepStart row i of a is zero before k = i + this
 */
export function gemm(
  a: usize, aRow: i32, aK: i32, b: usize, bK: i32, bColumn: i32, c: usize, cRow: i32,
  m: i32, n: i32, k: i32, accumulate: bool, columnDiagonal: i32 = NO_DIAGONAL, stepDiagonal: i32 = NO_DIAGONAL,
  columnStart: i32 = -NO_DIAGONAL, stepStart: i32 = -NO_DIAGONAL,
): void {
  if (k == 0 && !accumulate) {
    for (let i = 0; i < m; i++) memory.fill(c + <usize>i * <usize>cRow * 4, 0, <usize>n * 4);
  }
  const kc = passLength(k);
  for (let l = 0; l < k; l += kc) {
    const steps = min(kc, k - l);
    for (let j = 0; j < n; j += NC) {
      const columns = min(NC, n - j);
      packB(b + (<usize>l * <usize>bK + <usize>j * <usize>bColumn) * 4, bK, bColumn, columns, steps);
      const aPass = a + <usize>l * <usize>aK * 4;
      const cPass = c + <usize>j * 4;
      for (let i = 0; i < m; i += MC) {
        const rows = min(MC, m - i);
        packA(aPass + <usize>i * <usize>aRow * 4, aRow, aK, rows, steps, 0);
        const to = cPass + <usize>i * <usize>cRow * 4;
        multiplyPacked(
          to, cRow, rows, columns, steps, accumulate || l > 0, columnDiagonal + i - j, stepDiagonal + i - l,
          columnStart + i - j, stepStart + i - l,
        );
      }
    }
  }
}

export function packB(b: usize, bK: i32, bColumn: i32, columns: i32, k: i32): void {
  pack(scratch, b, bColumn, bK, columns, k, NR, 0);
}

export function packA(a: usize, aRow: i32, aK: i32, rows: i32, k: i32, weight: usize): void {
  pack(scratch + PACKED_B_BYTES, a, aRow, aK, rows, k, MR, weight);
}

/** Product of what `packA` and `packB` left in scratch; diagonals and starts as in `gemm`. */
export function multiplyPacked(
  c: usize, cRow: i32, rows: i32, columns: i32, k: i32, accumulate: bool,
  columnDiagonal: i32 = NO_DIAGONAL, stepDiagonal: i32 = NO_DIAGONAL,
  columnStart: i32 = -NO_DIAGONAL, stepStart: i32 = -NO_DIAGONAL,
): void {
  const spare = scratch + PACKED_B_BYTES + PACKED_A_BYTES;
  const rowBytes = <usize>cRow * 4;
  for (let j = 0; j < columns; j += NR) {
    const b = scratch + <usize>j * <usize>k * 4;
    const end = min(rows, j + NR - columnStart);
    for (let i = (max(0, j - columnDiagonal) / MR) * MR; i < end; i += MR) {
      const needed = min(k, i + MR + stepDiagonal);
      if (needed <= 0) continue;
      const first = max(0, i + stepStart);
      const steps = max(0, needed - first);
      if (steps == 0 && accumulate) continue;
      const a = scratch + PACKED_B_BYTES + (<usize>i * <usize>k + <usize>first * MR) * 4;
      const bFirst = b + <usize>first * NR * 4;
      const to = c + <usize>i * rowBytes + <usize>j * 4;
      if (i + MR <= rows && j + NR <= columns) tile(a, bFirst, steps, to, rowBytes, accumulate);
      else tileEdge(a, bFirst, steps, to, rowBytes, accumulate, min(MR, rows - i), min(NR, columns - j), spare);
    }
  }
}

/** `tile` for the `rows` × `columns` elements that remain at an edge of c, by way of a whole tile at `spare`. */
function tileEdge(
  a: usize, b: usize, k: i32, c: usize, cRow: usize, accumulate: bool, rows: i32, columns: i32, spare: usize,
): void {
  tile(a, b, k, spare, NR * 4, false);
  for (let i = 0; i < rows; i++) {
    const from = spare + <usize>i * NR * 4;
    const to = c + <usize>i * cRow;
    for (let at: usize = 0; at < <usize>columns * 4; at += 4) {
      store<f32>(to + at, accumulate ? load<f32>(to + at) + load<f32>(from + at) : load<f32>(from + at));
    }
  }
}

/** `gemm` or, for few rows, `gemv`. */
export function product(
  a: usize, aRow: i32, aK: i32, b: usize, bK: i32, bColumn: i32, c: usize, cRow: i32,
  m: i32, n: i32, k: i32, accumulate: bool, columnDiagonal: i32, stepDiagonal: i32,
  columnStart: i32 = -NO_DIAGONAL, stepStart: i32 = -NO_DIAGONAL,
): void {
  if (m <= FEW_ROWS && aK == 1) gemv(a, aRow, b, bK, bColumn, c, cRow, m, n, k, accumulate);
  else gemm(a, aRow, aK, b, bK, bColumn, c, cRow, m, n, k, accumulate, columnDiagonal, stepDiagonal, columnStart, stepStart);
}

/** `gemm` shared between threads along the longer side of c. */
export function matmul(
  a: usize, aRow: i32, aK: i32, b: usize, bK: i32, bColumn: i32, c: usize, cRow: i32,
  m: i32, n: i32, k: i32, accumulate: i32, ith: i32, nth: i32,
): void {
  const byRows = m >= n;
  const i = byRows ? shareStart(m, MR, ith, nth) : 0;
  const j = byRows ? 0 : shareStart(n, NR, ith, nth);
  const rows = byRows ? shareStart(m, MR, ith + 1, nth) - i : m;
  const columns = byRows ? n : shareStart(n, NR, ith + 1, nth) - j;
  if (rows == 0 || columns == 0) return;
  const aPart = a + <usize>i * <usize>aRow * 4;
  const bPart = b + <usize>j * <usize>bColumn * 4;
  const cPart = c + (<usize>i * <usize>cRow + <usize>j) * 4;
  if (m <= FEW_ROWS && aK == 1) gemv(aPart, aRow, bPart, bK, bColumn, cPart, cRow, rows, columns, k, accumulate != 0);
  else gemm(aPart, aRow, aK, bPart, bK, bColumn, cPart, cRow, rows, columns, k, accumulate != 0);
}
