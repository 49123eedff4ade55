/** Rows times factors. */
import { dadd, dmadd, dsum, dzero, LANES, vloadPart, vmul, vsplat, vstorePart, vsub } from './lanes';
import { shareStart } from './share';

/** y[n] = factor·x. */
export function scale(x: usize, y: usize, n: i32, factor: f32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  const start = shareStart(n, 16, ith, nth);
  scaleRow(x + (<usize>start << 2), y + (<usize>start << 2), end - start, factor);
}

// @ts-ignore: decorator
@inline function scaleRow(x: usize, y: usize, n: i32, factor: f32): void {
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(y + at, vmul(vloadPart(x + at, n - i, 0), vsplat(factor)), n - i);
  }
}

/** y[rows, n] = s[rows]·x. */
export function scaleRows(x: usize, s: usize, y: usize, rows: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>n * 4;
    scaleRow(x + start, y + start, n, load<f32>(s + (<usize>row << 2)));
  }
}

/** dx = s·dy, ds = Σ x·dy. */
export function scaleRowsBackward(
  x: usize, s: usize, dy: usize, dx: usize, ds: usize, rows: i32, n: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>n * 4;
    // Before dx, which may be dy.
    const sum = <f32>dotRow(x + start, dy + start, n);
    scaleRow(dy + start, dx + start, n, load<f32>(s + (<usize>row << 2)));
    store<f32>(ds + (<usize>row << 2), sum);
  }
}

/** y[rows, n] = x less the mean of its row, summed in float64. */
export function center(x: usize, y: usize, rows: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>n * 4;
    let sum = dzero();
    for (let i = 0; i < n; i += LANES) sum = dadd(sum, vloadPart(x + start + (<usize>i << 2), n - i, 0));
    const mean = vsplat(<f32>(dsum(sum) / n));
    for (let i = 0; i < n; i += LANES) {
      const at = start + (<usize>i << 2);
      vstorePart(y + at, vsub(vloadPart(x + at, n - i, 0), mean), n - i);
    }
  }
}

/** Σ x·y over n values, in float64. */
export function dotRow(x: usize, y: usize, n: i32): f64 {
  let sum = dzero();
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    sum = dmadd(vloadPart(x + at, n - i, 0), vloadPart(y + at, n - i, 0), sum);
  }
  return dsum(sum);
}

/** y[n] = a·b. */
export function multiply(a: usize, b: usize, y: usize, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  const start = shareStart(n, 16, ith, nth);
  const at = <usize>start << 2;
  multiplyRow(a + at, b + at, y + at, end - start);
}

// @ts-ignore: decorator
@inline function multiplyRow(a: usize, b: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(y + at, vmul(vloadPart(a + at, n - i, 0), vloadPart(b + at, n - i, 0)), n - i);
  }
}

/** y[rows, count·run] = x·s[count], a factor for each run of columns. */
export function scaleColumns(
  x: usize, s: usize, y: usize, rows: i32, count: i32, run: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>(count * run) * 4;
    if (run == 1) {
      multiplyRow(x + start, s, y + start, count);
      continue;
    }
    for (let i = 0; i < count; i++) {
      const at = start + (<usize>(i * run) << 2);
      scaleRow(x + at, y + at, run, load<f32>(s + (<usize>i << 2)));
    }
  }
}
