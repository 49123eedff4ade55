/**
 * Sums of squares in float64, each in the order of a plain loop: lanes and threads never share a sum, so that the bits are
 * those of the definition.
 */
import { P, PAIR, padd, pgatherSingles, pload, ploadSingles, pmul, psplat, pstore, pstoreSingles } from './search/groups/doubles';
import { shareStart } from './share';

/** Rows that are added to a column's sum between its load and its store, one after the other. */
const ABREAST: i32 = 4;
/** Vectors of tokens whose sums are taken side by side: one sum waits four cycles for each of its additions. */
const CHAINS: i32 = 4;

/** energy[n] (f64) += Σ_t x_t² over rows of x[tokens, n]. */
export function columnEnergy(x: usize, energy: usize, tokens: i32, n: i32, ith: i32, nth: i32): void {
  const first = shareStart(n, 16, ith, nth);
  const end = shareStart(n, 16, ith + 1, nth);
  const row = <usize>n << 2;
  let t = 0;
  for (; t + ABREAST <= tokens; t += ABREAST, x += ABREAST * row) {
    let i = first;
    for (; i + PAIR <= end; i += PAIR) {
      const at = x + (<usize>i << 2);
      const to = energy + (<usize>i << 3);
      let sum = pload(to);
      sum = padd(sum, square(ploadSingles(at)));
      sum = padd(sum, square(ploadSingles(at + row)));
      sum = padd(sum, square(ploadSingles(at + 2 * row)));
      pstore(to, padd(sum, square(ploadSingles(at + 3 * row))));
    }
    for (; i < end; i++) addSquares(x + (<usize>i << 2), row, ABREAST, energy + (<usize>i << 3));
  }
  for (let i = first; i < end && t < tokens; i++) {
    addSquares(x + (<usize>i << 2), row, tokens - t, energy + (<usize>i << 3));
  }
}

// @ts-ignore: decorator
@inline function square(x: P): P { return pmul(x, x); }

/** One column's sum += its next `count` squares. */
function addSquares(at: usize, row: usize, count: i32, to: usize): void {
  let sum = load<f64>(to);
  for (let t = 0; t < count; t++, at += row) sum += <f64>load<f32>(at) * <f64>load<f32>(at);
  store<f64>(to, sum);
}

/** `columnEnergy`, and weight[tokens] (f32) = Σ_i g_ti². */
export function rowEnergy(g: usize, energy: usize, weight: usize, tokens: i32, n: i32, ith: i32, nth: i32): void {
  columnEnergy(g, energy, tokens, n, ith, nth);
  const end = shareStart(tokens, 1, ith + 1, nth);
  const row = <usize>n << 2;
  let t = shareStart(tokens, 1, ith, nth);
  for (; t + CHAINS * PAIR <= end; t += CHAINS * PAIR) {
    let a = psplat(0), b = psplat(0), c = psplat(0), d = psplat(0);
    let at = g + <usize>t * row;
    const next = <usize>PAIR * row;
    for (const last = at + row; at < last; at += 4) {
      a = padd(a, square(pgatherSingles(at, row)));
      b = padd(b, square(pgatherSingles(at + next, row)));
      c = padd(c, square(pgatherSingles(at + 2 * next, row)));
      d = padd(d, square(pgatherSingles(at + 3 * next, row)));
    }
    const to = weight + (<usize>t << 2);
    pstoreSingles(to, a);
    pstoreSingles(to + 4 * PAIR, b);
    pstoreSingles(to + 8 * PAIR, c);
    pstoreSingles(to + 12 * PAIR, d);
  }
  for (; t < end; t++) {
    let sum: f64 = 0;
    let at = g + <usize>t * row;
    for (const last = at + row; at < last; at += 4) sum += <f64>load<f32>(at) * <f64>load<f32>(at);
    store<f32>(weight + (<usize>t << 2), <f32>sum);
  }
}
