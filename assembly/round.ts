/** Rounding to a grid with error feedback inside a block of columns: the inner loop of GPTQ. */
import { LANES, vloadPart, vmadd, vsplat, vstorePart } from './lanes';
import { shareStart } from './share';

/** Rows that pass over the feedback coefficients together, so that each coefficient is loaded once for all. */
const TOGETHER: i32 = 4;

/** Index of the nearest of `count` consecutive integers from `first`; ties to the even one, NaN to index 0. */
// @ts-ignore: decorator
@inline function nearestInteger(x: f32, first: f32, count: i32): i32 {
  const index = nearest<f32>(min<f32>(max<f32>(x, first), first + <f32>(count - 1))) - first;
  return x == x ? <i32>index : 0;
}

/** Index of the nearest of ascending `levels`; ties to the lower one, NaN to index 0. */
function nearestLevel(x: f32, levels: usize, count: i32): i32 {
  if (x != x) return 0;
  let low = 0;
  let high = count - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<f32>(levels + <usize>middle * 4) <= x) low = middle;
    else high = middle;
  }
  const below = x - load<f32>(levels + <usize>low * 4);
  return below <= load<f32>(levels + <usize>high * 4) - x ? low : high;
}

/**
 * One block of `columns` ≤ 256 columns of all rows; see RoundBlockTask in src/kernels/contract.ts.
 * @param consecutive 1 when levels are consecutive integers
 */
export function roundBlock(
  weight: usize, target: usize, u: usize, scale: usize, offset: usize, subBlock: usize, levels: usize,
  codes: usize, error: usize, rows: i32, columns: i32, subBlocks: i32, levelCount: i32, consecutive: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(rows, TOGETHER, ith + 1, nth);
  for (let row = shareStart(rows, TOGETHER, ith, nth); row < end; row += TOGETHER) {
    const together = min(TOGETHER, end - row);
    for (let j = 0; j < columns; j++) {
      const group = <usize>load<i32>(subBlock + <usize>j * 4);
      for (let r = 0; r < together; r++) {
        const at = <usize>(row + r) * <usize>columns + <usize>j;
        const head = (<usize>(row + r) * <usize>subBlocks + group) * 4;
        const s = load<f32>(scale + head), o = load<f32>(offset + head);
        const x: f32 = s == 0 ? 0 : (load<f32>(target + at * 4) - o) / s;
        const code = consecutive ? nearestInteger(x, load<f32>(levels), levelCount) : nearestLevel(x, levels, levelCount);
        store<u8>(codes + at, <u8>code);
        store<f32>(error + at * 4, load<f32>(weight + at * 4) - (s * load<f32>(levels + <usize>code * 4) + o));
      }
      const next = j + 1;
      const first = (<usize>row * <usize>columns + <usize>j) * 4;
      const later = columns - next;
      const coefficients = u + (<usize>j * <usize>columns + <usize>next) * 4;
      if (together == TOGETHER) feedBack4(target + first + 4, error + first, coefficients, <usize>columns * 4, later);
      else for (let r = 0; r < together; r++) {
        const line = first + <usize>(r * columns) * 4;
        feedBack(target + line + 4, load<f32>(error + line), coefficients, later);
      }
    }
  }
}

/** t[0..n] += e·u[0..n]. */
function feedBack(t: usize, e: f32, u: usize, n: i32): void {
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(t + at, vmadd(vsplat(e), vloadPart(u + at, n - i, 0), vloadPart(t + at, n - i, 0)), n - i);
  }
}

/** `feedBack` on four rows `row` bytes apart, errors likewise. */
function feedBack4(t: usize, e: usize, u: usize, row: usize, n: i32): void {
  const e0 = vsplat(load<f32>(e)), e1 = vsplat(load<f32>(e + row));
  const e2 = vsplat(load<f32>(e + 2 * row)), e3 = vsplat(load<f32>(e + 3 * row));
  const t1 = t + row, t2 = t1 + row, t3 = t2 + row;
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const c = vloadPart(u + at, n - i, 0);
    vstorePart(t + at, vmadd(e0, c, vloadPart(t + at, n - i, 0)), n - i);
    vstorePart(t1 + at, vmadd(e1, c, vloadPart(t1 + at, n - i, 0)), n - i);
    vstorePart(t2 + at, vmadd(e2, c, vloadPart(t2 + at, n - i, 0)), n - i);
    vstorePart(t3 + at, vmadd(e3, c, vloadPart(t3 + at, n - i, 0)), n - i);
  }
}
