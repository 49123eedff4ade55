/** Copies a part of an operand into panels, so that the micro-kernel reads it in order. Missing rows and columns
 * are filled with zeros. */
import { LANES, VECTOR, vload, vmul, vsplat, vstore, vtranspose } from './lanes';

/**
 * Packs `count` × `k` values of an operand into panels `[k][width]`, one after the other.
 * @param stride elements between neighbours across the panel (rows of a, columns of b)
 * @param kStride elements between neighbours along k; this or `stride` is 1
 * @param width at least LANES
 * @param weight [k] factor of each step, or 0; only with stride 1
 */
export function pack(
  to: usize, from: usize, stride: i32, kStride: i32, count: i32, k: i32, width: i32, weight: usize,
): void {
  if (stride != 1) packAlong(to, from, stride, count, k, width);
  else packAcross(to, from, kStride, count, k, width, weight);
}

/** Values along k are neighbours in memory: transpose. */
function packAlong(to: usize, from: usize, stride: i32, count: i32, k: i32, width: i32): void {
  const step = <usize>width * 4;
  const row = <usize>stride * 4;
  const panelBytes = <usize>k * step;
  const whole = k & -LANES;
  for (let first = 0; first < count; first += width, to += panelBytes) {
    for (let at = 0; at < width; at += LANES) {
      // The last vector overlaps the one before it when LANES does not divide the width.
      const lane = min(at, width - LANES);
      const column = to + <usize>lane * 4;
      const source = from + <usize>(first + lane) * row;
      const lanes = max(0, min(LANES, count - first - lane));
      if (lanes == LANES) {
        for (let l = 0; l < whole; l += LANES) {
          vtranspose(column + <usize>l * step, step, source + <usize>l * 4, row);
        }
      }
      for (let l = lanes == LANES ? whole : 0; l < k; l++) packStep(column + <usize>l * step, source + <usize>l * 4, row, lanes);
    }
  }
}

/** One step of LANES values of which `lanes` exist. */
function packStep(to: usize, from: usize, stride: usize, lanes: i32): void {
  for (let i = 0; i < LANES; i++) store<f32>(to + <usize>i * 4, i < lanes ? load<f32>(from + <usize>i * stride) : 0);
}

/** Values across the panel are neighbours in memory: copy, row of memory by row of memory. */
function packAcross(to: usize, from: usize, kStride: i32, count: i32, k: i32, width: i32, weight: usize): void {
  const step = <usize>width * 4;
  const panelBytes = <usize>k * step;
  for (let l = 0; l < k; l++) {
    const factor = vsplat(weight ? load<f32>(weight + <usize>l * 4) : 1);
    let source = from + <usize>l * <usize>kStride * 4;
    let target = to + <usize>l * step;
    let remaining = count;
    for (; remaining >= width; remaining -= width, source += step, target += panelBytes) {
      for (let at: usize = 0; at < step; at += VECTOR) {
        const lane = min(at, step - VECTOR);
        vstore(target + lane, vmul(vload(source + lane), factor));
      }
    }
    if (remaining > 0) {
      for (let i = 0; i < width; i++) {
        const at = <usize>i * 4;
        const value = i < remaining ? load<f32>(source + at) * (weight ? load<f32>(weight + <usize>l * 4) : 1) : 0;
        store<f32>(target + at, value);
      }
    }
  }
}
