import { scaleAt, sumAt } from './activations';
import { shareStart } from '../share';

/** y[m, rows] = x[m, k] · Wᵀ for rounded activations without SIMD: one code at a time. */
// @ts-ignore: decorator
@inline export function matmulScalar<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const sub = format.sub();
  const parts = k / sub;
  const stride = <usize>(k / format.values()) * format.bytes();
  const end = shareStart(rows, 4, ith + 1, nth);
  for (let row = shareStart(rows, 4, ith, nth); row < end; row++) {
    for (let i = 0; i < m; i++) {
      let block = w + <usize>row * stride;
      let code = x + <usize>i * k;
      let at = <usize>i * parts << 2;
      let total: f32 = 0;
      for (let column = 0; column < k; column += format.values()) {
        for (let start = 0; start < format.values(); start += sub) {
          let dot = 0;
          for (let c = 0; c < sub; c++) dot += <i32>load<i8>(code + c) * changetype<F>(block).code(start + c);
          const sum = load<i32>(sumAt(x, m, k, sub) + at);
          const scale = load<f32>(scaleAt(x, m, k) + at);
          const part = changetype<F>(block).scale(start / sub) * <f32>(dot - format.zero() * sum);
          total += scale * (part + changetype<F>(block).minimum(start / sub) * <f32>sum);
          code += sub;
          at += 4;
        }
        block += format.bytes();
      }
      store<f32>(y + ((<usize>i * rows + row) << 2), total);
    }
  }
}
