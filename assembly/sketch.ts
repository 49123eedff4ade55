/**
 * A measurement's sketch: sums over products of changes and gradients, in float64 and in the order of plain loops.
 * change [tokens, rows]; g [tokens, width], of which row r has column r·stride.
 */
import {
  P, PAIR, padd, pgatherSingles, pload, ploadSingles, pmul, pselectGreater, psplat, pstore, psub,
} from './search/groups/doubles';
import { scratch, shareStart } from './share';

/** Tokens that are added to a row's sum between its load and its store, one after the other. */
const ABREAST: i32 = 4;

/** perRow[sequences, rows] (f64) = Σ_t change·g over each sequence's `length` tokens; shares are of rows. */
export function sketchRows(
  change: usize, g: usize, perRow: usize, sequences: i32, length: i32, rows: i32, width: i32, stride: i32,
  ith: i32, nth: i32,
): void {
  const first = shareStart(rows, 8, ith, nth);
  const end = shareStart(rows, 8, ith + 1, nth);
  const yRow = <usize>rows << 2;
  const gRow = <usize>width << 2;
  const step = <usize>stride << 2;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const sums = perRow + <usize>sequence * <usize>rows * 8;
    memory.fill(sums + (<usize>first << 3), 0, <usize>(end - first) << 3);
    const last = (sequence + 1) * length;
    for (let t = sequence * length; t < last; t += ABREAST) {
      const count = min(ABREAST, last - t);
      const y = change + <usize>t * yRow;
      const from = g + <usize>t * gRow;
      let r = first;
      if (count == ABREAST) {
        for (; r + PAIR <= end; r += PAIR) {
          const at = y + (<usize>r << 2);
          const gradient = from + <usize>r * step;
          const to = sums + (<usize>r << 3);
          let sum = padd(pload(to), pmul(ploadSingles(at), pgatherSingles(gradient, step)));
          sum = padd(sum, pmul(ploadSingles(at + yRow), pgatherSingles(gradient + gRow, step)));
          sum = padd(sum, pmul(ploadSingles(at + 2 * yRow), pgatherSingles(gradient + 2 * gRow, step)));
          sum = padd(sum, pmul(ploadSingles(at + 3 * yRow), pgatherSingles(gradient + 3 * gRow, step)));
          pstore(to, sum);
        }
      }
      for (; r < end; r++) addProducts(y + (<usize>r << 2), yRow, from + <usize>r * step, gRow, count, sums + (<usize>r << 3));
    }
  }
}

/** One row's sum += its products with the next `count` tokens. */
function addProducts(y: usize, yRow: usize, g: usize, gRow: usize, count: i32, to: usize): void {
  let sum = load<f64>(to);
  for (let t = 0; t < count; t++, y += yRow, g += gRow) sum += <f64>load<f32>(y) * <f64>load<f32>(g);
  store<f64>(to, sum);
}

/** squares[tokens] (f64) = Σ_r (change·g)²; tokens side by side. */
export function sketchTokens(
  change: usize, g: usize, squares: usize, tokens: i32, rows: i32, width: i32, stride: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(tokens, 2 * PAIR, ith + 1, nth);
  const yRow = <usize>rows << 2;
  const gRow = <usize>width << 2;
  const step = <usize>stride << 2;
  for (let t = shareStart(tokens, 2 * PAIR, ith, nth); t < end; t += 2 * PAIR) {
    // Tokens beyond the last are the last again.
    const y0 = change + <usize>t * yRow, g0 = g + <usize>t * gRow;
    const second = min(t + PAIR, end - 1);
    const y1 = change + <usize>second * yRow, g1 = g + <usize>second * gRow;
    const yApart = t + 1 < end ? yRow : 0, gApart = t + 1 < end ? gRow : 0;
    const yApart1 = second + 1 < end ? yRow : 0, gApart1 = second + 1 < end ? gRow : 0;
    let a = psplat(0), b = psplat(0);
    let at: usize = 0, from: usize = 0;
    for (; at < yRow; at += 4, from += step) {
      const p = pmul(pgatherSingles(y0 + at, yApart), pgatherSingles(g0 + from, gApart));
      const q = pmul(pgatherSingles(y1 + at, yApart1), pgatherSingles(g1 + from, gApart1));
      a = padd(a, pmul(p, p));
      b = padd(b, pmul(q, q));
    }
    put(squares, t, 1, 0, end, a);
    put(squares, t + PAIR, 1, 0, end, b);
  }
}

/** Value `column` of tokens t … t + PAIR − 1 of to[tokens, columns], as far as there are tokens. */
function put(to: usize, t: i32, columns: i32, column: i32, end: i32, x: P): void {
  pstore(scratch, x);
  for (let i = 0; i < PAIR && t + i < end; i++) {
    store<f64>(to + (<usize>(t + i) * <usize>columns + <usize>column) * 8, load<f64>(scratch + (<usize>i << 3)));
  }
}

/** Sums of each sequence += its rows' and its tokens' values; shares are of sequences. */
export function addSketch(
  perRow: usize, tokenSquares: usize, inner: usize, squares: usize, rowProducts: usize, tokenProducts: usize,
  sequences: i32, length: i32, rows: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(sequences, 1, ith + 1, nth);
  for (let sequence = shareStart(sequences, 1, ith, nth); sequence < end; sequence++) {
    const at = <usize>sequence << 3;
    let byTokens = load<f64>(tokenProducts + at);
    const tokens = tokenSquares + at * <usize>length;
    for (let t = tokens; t < tokens + (<usize>length << 3); t += 8) byTokens += load<f64>(t);
    store<f64>(tokenProducts + at, byTokens);
    let total: f64 = 0;
    let byRows = load<f64>(rowProducts + at);
    const values = perRow + at * <usize>rows;
    for (let r = values; r < values + (<usize>rows << 3); r += 8) {
      const value = load<f64>(r);
      total += value;
      byRows += value * value;
    }
    store<f64>(rowProducts + at, byRows);
    store<f64>(inner + at, load<f64>(inner + at) + total);
    store<f64>(squares + at, load<f64>(squares + at) + total * total);
  }
}

/** Values that `sketchHeadTokens` leaves of a token. */
const HEAD_VALUES: i32 = 3;

/**
 * values[tokens, 3] (f64) = Σ_r g·y, Σ p·y² − (Σ p·y)², Σ p·(1 − p)·y², y = change and p = −g, at the label 1 − g;
 * tokens side by side.
 */
export function sketchHeadTokens(
  change: usize, g: usize, values: usize, tokens: i32, rows: i32, width: i32, stride: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(tokens, PAIR, ith + 1, nth);
  const yRow = <usize>rows << 2;
  const gRow = <usize>width << 2;
  const zero = psplat(0);
  const one = psplat(1);
  for (let t = shareStart(tokens, PAIR, ith, nth); t < end; t += PAIR) {
    let from = g + <usize>t * gRow;
    const start = change + <usize>t * yRow;
    const yApart = t + 1 < end ? yRow : 0, gApart = t + 1 < end ? gRow : 0;
    let inner = zero, mean = zero, square = zero, byRows = zero;
    for (let at = start; at < start + yRow; at += 4, from += <usize>stride << 2) {
      const gradient = pgatherSingles(from, gApart);
      const y = pgatherSingles(at, yApart);
      const p = pselectGreater(gradient, zero, psub(one, gradient), psub(zero, gradient));
      const py = pmul(p, y);
      inner = padd(inner, pmul(gradient, y));
      mean = padd(mean, py);
      square = padd(square, pmul(py, y));
      byRows = padd(byRows, pmul(pmul(pmul(p, psub(one, p)), y), y));
    }
    put(values, t, HEAD_VALUES, 0, end, inner);
    put(values, t, HEAD_VALUES, 1, end, psub(square, pmul(mean, mean)));
    put(values, t, HEAD_VALUES, 2, end, byRows);
  }
}

/** Sums of each sequence += its tokens' values, token by token; shares are of sequences. */
export function addSketchHead(
  values: usize, inner: usize, squares: usize, rowProducts: usize, tokenProducts: usize, sequences: i32, length: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(sequences, 1, ith + 1, nth);
  for (let sequence = shareStart(sequences, 1, ith, nth); sequence < end; sequence++) {
    const at = <usize>sequence << 3;
    const first = values + <usize>sequence * <usize>length * (HEAD_VALUES * 8);
    const last = first + <usize>length * (HEAD_VALUES * 8);
    for (let token = first; token < last; token += HEAD_VALUES * 8) {
      const byRows = load<f64>(token, 16);
      store<f64>(inner + at, load<f64>(inner + at) + load<f64>(token));
      store<f64>(squares + at, load<f64>(squares + at) + load<f64>(token, 8));
      store<f64>(rowProducts + at, load<f64>(rowProducts + at) + byRows);
      store<f64>(tokenProducts + at, load<f64>(tokenProducts + at) + byRows);
    }
  }
}
