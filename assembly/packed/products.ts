import { roundActivations } from './activations';
import { matmulPanels, split } from './matmul';
import { matvec256, matvecRows } from './matvec';
import { matmulScalar } from './scalar';

/** Rounds x[m, k] into what `multiply` of the same format takes. */
// @ts-ignore: decorator
@inline export function round<F>(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  roundActivations(x, to, m, k, format.sub(), format.zero(), split<F>(), ith, nth);
}

/** y[m, rows] = x[m, k] · Wᵀ straight from the blocks of W [rows, k / values]. */
// @ts-ignore: decorator
@inline export function multiply<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  if (ASC_FEATURE_SIMD) {
    if (m > 1) matmulPanels<F>(x, w, y, m, rows, k, ith, nth);
    else if (changetype<F>(0).values() == 256) matvec256<F>(x, w, y, rows, k, ith, nth);
    else matvecRows<F>(x, w, y, rows, k, ith, nth);
  } else {
    matmulScalar<F>(x, w, y, m, rows, k, ith, nth);
  }
}
