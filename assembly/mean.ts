/** Means of runs of rows. */
import { LANES, vdiv, vloadPart, vsplat, vstorePart } from './lanes';
import { PAIR, padd, pdiv, ploadSingles, psplat, pstoreSingles } from './search/groups/doubles';
import { shareStart } from './share';

/** y[runs, n] = mean of each `count` rows of x, summed in float64. */
export function meanRows(x: usize, y: usize, runs: i32, count: i32, n: i32, ith: i32, nth: i32): void {
  const row = <usize>n << 2;
  const end = shareStart(runs, 1, ith + 1, nth);
  for (let run = shareStart(runs, 1, ith, nth); run < end; run++) {
    const from = x + <usize>run * <usize>count * row;
    const to = y + <usize>run * row;
    let i: usize = 0;
    for (; i + 4 * PAIR <= row; i += 4 * PAIR) {
      let sum = psplat(0);
      for (let at = from + i; at < from + i + <usize>count * row; at += row) sum = padd(sum, ploadSingles(at));
      pstoreSingles(to + i, pdiv(sum, psplat(count)));
    }
    for (; i < row; i += 4) {
      let sum: f64 = 0;
      for (let at = from + i; at < from + i + <usize>count * row; at += row) sum += load<f32>(at);
      store<f32>(to + i, <f32>(sum / count));
    }
  }
}

/** dx = dy of its run / count. */
export function meanRowsBackward(dy: usize, dx: usize, rows: i32, count: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  const divisor = vsplat(<f32>count);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const from = dy + <usize>(row / count) * <usize>n * 4;
    const to = dx + <usize>row * <usize>n * 4;
    for (let i = 0; i < n; i += LANES) {
      const at = <usize>i << 2;
      vstorePart(to + at, vdiv(vloadPart(from + at, n - i, 0), divisor), n - i);
    }
  }
}
