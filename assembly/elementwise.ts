import { LANES, vadd, vload, vstore } from './lanes';
import { shareStart } from './share';

/** y[n] += x[n]. */
export function add(y: usize, x: usize, n: i32, ith: i32, nth: i32): void {
  let i = shareStart(n, 16, ith, nth);
  const end = shareStart(n, 16, ith + 1, nth);
  for (; i + LANES <= end; i += LANES) {
    const at = <usize>i << 2;
    vstore(y + at, vadd(vload(y + at), vload(x + at)));
  }
  for (; i < end; i++) {
    const at = <usize>i << 2;
    store<f32>(y + at, load<f32>(y + at) + load<f32>(x + at));
  }
}

/** y[rows, n] += bias[n] on every row. */
export function addBias(y: usize, bias: usize, rows: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) add(y + <usize>row * n * 4, bias, n, 0, 1);
}
