/** Products with so few rows of a that packing b would cost more than it saves: b is read once, where it lies. */
import { LANES, VECTOR, vadd, vload, vloadSplat, vmadd, vsplat, vstore, vsum } from './lanes';

/** Up to this many rows the unpacked product is faster. */
export const FEW_ROWS: i32 = 3;

/** c[m,n] = or += a·b; a(i,k) are neighbours along k; strides in elements, one of b's is 1. */
export function gemv(
  a: usize, aRow: i32, b: usize, bK: i32, bColumn: i32, c: usize, cRow: i32, m: i32, n: i32, k: i32, accumulate: bool,
): void {
  for (let j = 0; j < n; ) {
    const columns = bK == 1 ? min(4, n - j) : min(8 * LANES, n - j);
    const bPart = b + <usize>j * <usize>bColumn * 4;
    for (let i = 0; i < m; i++) {
      const x = a + <usize>i * <usize>aRow * 4;
      const y = c + (<usize>i * <usize>cRow + <usize>j) * 4;
      if (bK != 1) combine(x, bPart, <usize>bK * 4, y, columns, k, accumulate);
      else if (columns == 4) dot4(x, bPart, <usize>bColumn * 4, y, k, accumulate);
      else for (let l = 0; l < columns; l++) put(y + <usize>l * 4, dot(x, bPart + <usize>(l * bColumn) * 4, k), accumulate);
    }
    j += columns;
  }
}

// @ts-ignore: decorator
@inline function put(to: usize, value: f32, accumulate: bool): void {
  store<f32>(to, accumulate ? load<f32>(to) + value : value);
}

/** Σ x·w in the order of `dot4`, so that a column's result does not depend on its neighbours. */
export function dot(x: usize, w: usize, k: i32): f32 {
  let s0 = vsplat(0), s1 = vsplat(0);
  const pairs = x + <usize>(k & (-2 * LANES)) * 4;
  const end = x + <usize>k * 4;
  for (; x < pairs; x += 2 * VECTOR, w += 2 * VECTOR) {
    s0 = vmadd(vload(x), vload(w), s0);
    s1 = vmadd(vload(x, VECTOR), vload(w, VECTOR), s1);
  }
  let sum = vsum(vadd(s0, s1));
  for (; x < end; x += 4, w += 4) sum += load<f32>(x) * load<f32>(w);
  return sum;
}

/** y[0..3] = or += x·w for four rows of w. */
function dot4(x: usize, w: usize, row: usize, y: usize, k: i32, accumulate: bool): void {
  let p0 = vsplat(0), p1 = vsplat(0), q0 = vsplat(0), q1 = vsplat(0);
  let r0 = vsplat(0), r1 = vsplat(0), s0 = vsplat(0), s1 = vsplat(0);
  let w1 = w + row, w2 = w1 + row, w3 = w2 + row;
  const pairs = x + <usize>(k & (-2 * LANES)) * 4;
  const end = x + <usize>k * 4;
  while (x < pairs) {
    const x0 = vload(x), x1 = vload(x, VECTOR);
    p0 = vmadd(x0, vload(w), p0); p1 = vmadd(x1, vload(w, VECTOR), p1);
    q0 = vmadd(x0, vload(w1), q0); q1 = vmadd(x1, vload(w1, VECTOR), q1);
    r0 = vmadd(x0, vload(w2), r0); r1 = vmadd(x1, vload(w2, VECTOR), r1);
    s0 = vmadd(x0, vload(w3), s0); s1 = vmadd(x1, vload(w3, VECTOR), s1);
    x += 2 * VECTOR; w += 2 * VECTOR; w1 += 2 * VECTOR; w2 += 2 * VECTOR; w3 += 2 * VECTOR;
  }
  let p = vsum(vadd(p0, p1)), q = vsum(vadd(q0, q1)), r = vsum(vadd(r0, r1)), s = vsum(vadd(s0, s1));
  for (; x < end; x += 4, w += 4, w1 += 4, w2 += 4, w3 += 4) {
    const value = load<f32>(x);
    p += value * load<f32>(w); q += value * load<f32>(w1); r += value * load<f32>(w2); s += value * load<f32>(w3);
  }
  put(y, p, accumulate); put(y + 4, q, accumulate); put(y + 8, r, accumulate); put(y + 12, s, accumulate);
}

/** y[0..columns] = or += Σ_k x[k]·w[k, 0..columns], columns ≤ 8 vectors. */
function combine(x: usize, w: usize, row: usize, y: usize, columns: i32, k: i32, accumulate: bool): void {
  if (columns == 8 * LANES) return combine8(x, w, row, y, k, accumulate);
  let j = 0;
  for (; j + LANES <= columns; j += LANES) {
    const at = <usize>j * 4;
    let sum = vsplat(0);
    for (let l: usize = 0; l < <usize>k; l++) sum = vmadd(vloadSplat(x + l * 4), vload(w + l * row + at), sum);
    vstore(y + at, accumulate ? vadd(vload(y + at), sum) : sum);
  }
  for (; j < columns; j++) {
    const at = <usize>j * 4;
    let sum: f32 = 0;
    for (let l: usize = 0; l < <usize>k; l++) sum += load<f32>(x + l * 4) * load<f32>(w + l * row + at);
    put(y + at, sum, accumulate);
  }
}

function combine8(x: usize, w: usize, row: usize, y: usize, k: i32, accumulate: bool): void {
  let s0 = vsplat(0), s1 = vsplat(0), s2 = vsplat(0), s3 = vsplat(0);
  let s4 = vsplat(0), s5 = vsplat(0), s6 = vsplat(0), s7 = vsplat(0);
  for (const end = x + <usize>k * 4; x < end; x += 4, w += row) {
    const value = vloadSplat(x);
    s0 = vmadd(value, vload(w), s0);
    s1 = vmadd(value, vload(w, VECTOR), s1);
    s2 = vmadd(value, vload(w, 2 * VECTOR), s2);
    s3 = vmadd(value, vload(w, 3 * VECTOR), s3);
    s4 = vmadd(value, vload(w, 4 * VECTOR), s4);
    s5 = vmadd(value, vload(w, 5 * VECTOR), s5);
    s6 = vmadd(value, vload(w, 6 * VECTOR), s6);
    s7 = vmadd(value, vload(w, 7 * VECTOR), s7);
  }
  if (accumulate) {
    s0 = vadd(vload(y), s0); s1 = vadd(vload(y, VECTOR), s1);
    s2 = vadd(vload(y, 2 * VECTOR), s2); s3 = vadd(vload(y, 3 * VECTOR), s3);
    s4 = vadd(vload(y, 4 * VECTOR), s4); s5 = vadd(vload(y, 5 * VECTOR), s5);
    s6 = vadd(vload(y, 6 * VECTOR), s6); s7 = vadd(vload(y, 7 * VECTOR), s7);
  }
  vstore(y, s0); vstore(y, s1, VECTOR); vstore(y, s2, 2 * VECTOR); vstore(y, s3, 3 * VECTOR);
  vstore(y, s4, 4 * VECTOR); vstore(y, s5, 5 * VECTOR); vstore(y, s6, 6 * VECTOR); vstore(y, s7, 7 * VECTOR);
}
