import { extraAt, rowBytes, scaleAt } from './activations';
import { shareStart } from '../share';

/** y[m, rows] = x[m, k] · Wᵀ for rounded activations without SIMD: one code at a time. */
// @ts-ignore: decorator
@inline export function matmulScalar<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const sub = format.sub();
  const stride = <usize>(k / format.values()) * format.bytes();
  const end = shareStart(rows, 4, ith + 1, nth);
  for (let row = shareStart(rows, 4, ith, nth); row < end; row++) {
    for (let i = 0; i < m; i++) {
      const line = x + <usize>i * rowBytes(k, sub);
      let code = line;
      let scale = scaleAt(line, k);
      let extra = extraAt(line, k, sub);
      let block = w + <usize>row * stride;
      let total: f32 = 0;
      for (let column = 0; column < k; column += format.values()) {
        for (let start = 0; start < format.values(); start += sub) {
          let dot = format.zero() == 0 ? 0 : load<i32>(extra);
          for (let c = 0; c < sub; c++) dot += <i32>load<i8>(code + c) * changetype<F>(block).code(start + c);
          total += load<f32>(scale) * changetype<F>(block).scale(start / sub) * <f32>dot;
          if (format.hasMinimum()) total += changetype<F>(block).minimum(start / sub) * load<f32>(extra);
          code += sub;
          scale += 4;
          extra += 4;
        }
        block += format.bytes();
      }
      store<f32>(y + ((<usize>i * rows + row) << 2), total);
    }
  }
}
