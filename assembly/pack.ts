/**
 * Copies a part of an operand into panels, so that the micro-kernel reads it in order. Missing rows and columns are
 * filled with zeros. A panel is one to two vectors wide: it is written as two, the second of which ends where the
 * panel does and may overlap the first.
 */
import { LANES, vload, vmul, vsplat, vstore, vtranspose } from './lanes';

/** Panels written side by side: more would fall on the same lines of the cache when k is a power of two. */
const ABREAST: i32 = 4;

/**
 * Packs `count` × `k` values of an operand into panels `[k][width]`, one after the other.
 * @param stride elements between neighbours across the panel (rows of a, columns of b)
 * @param kStride elements between neighbours along k; this or `stride` is 1
 * @param width LANES to 2 · LANES
 * @param weight [k] factor of each step, or 0; only with stride 1
 */
export function pack(
  to: usize, from: usize, stride: i32, kStride: i32, count: i32, k: i32, width: i32, weight: usize,
): void {
  const step = <usize>width * 4;
  const panelBytes = <usize>k * step;
  const whole = (count / width) * width;
  const rest = count - whole;
  const edge = to + <usize>(whole / width) * panelBytes;
  if (stride != 1) {
    const row = <usize>stride * 4;
    for (let first = 0; first < whole; first += width, to += panelBytes) {
      packAlong(to, from + <usize>first * row, row, k, 0, step);
      packAlong(to, from + <usize>first * row, row, k, width - LANES, step);
    }
    if (rest > 0) packEdge(edge, from + <usize>whole * row, row, 4, rest, k, step, 0);
  } else {
    const row = <usize>kStride * 4;
    for (let first = 0; first < whole; first += ABREAST * width) {
      const panels = min(ABREAST, (whole - first) / width);
      packAcross(to + <usize>(first / width) * panelBytes, from + <usize>first * 4, row, panels, k, step, weight);
    }
    if (rest > 0) packEdge(edge, from + <usize>whole * 4, 4, row, rest, k, step, weight);
  }
}

/** LANES columns from `lane` on of a panel whose values along k are neighbours in memory: transposed. */
function packAlong(to: usize, from: usize, row: usize, k: i32, lane: i32, step: usize): void {
  to += <usize>lane * 4;
  from += <usize>lane * row;
  const whole = k & -LANES;
  const end = from + <usize>whole * 4;
  for (; from < end; from += LANES * 4, to += <usize>LANES * step) vtranspose(to, step, from, row);
  for (let l = whole; l < k; l++, from += 4, to += step) {
    for (let i = 0; i < LANES; i++) store<f32>(to + <usize>i * 4, load<f32>(from + <usize>i * row));
  }
}

/** Panels whose steps are neighbours in memory, row of memory by row of memory. */
function packAcross(to: usize, from: usize, row: usize, panels: i32, k: i32, step: usize, weight: usize): void {
  const second = step - LANES * 4;
  const panelBytes = <usize>k * step;
  const bytes = <usize>panels * step;
  for (let l = 0; l < k; l++, to += step, from += row) {
    const factor = vsplat(weight ? load<f32>(weight + <usize>l * 4) : 1);
    let target = to;
    for (let at = from; at < from + bytes; at += step, target += panelBytes) {
      vstore(target, vmul(vload(at), factor));
      vstore(target + second, vmul(vload(at + second), factor));
    }
  }
}

/** The last, incomplete panel: `count` values at strides of `row` bytes, along k at strides of `next`. */
function packEdge(
  to: usize, from: usize, row: usize, next: usize, count: i32, k: i32, step: usize, weight: usize,
): void {
  for (let l = 0; l < k; l++, to += step, from += next) {
    const factor: f32 = weight ? load<f32>(weight + <usize>l * 4) : 1;
    for (let i: usize = 0; i < <usize>count; i++) store<f32>(to + i * 4, load<f32>(from + i * row) * factor);
    for (let i = <usize>count * 4; i < step; i += 4) store<f32>(to + i, 0);
  }
}
