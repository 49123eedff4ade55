/** Row-wise and element-wise operations between the matrix products. */
import { dmadd, dsum, dzero, LANES, vadd, vloadPart, vmul, vsplat, vstorePart, vsub } from './lanes';
import { shareStart } from './share';

/** Σ x·y·z (z 0: Σ x·y) over n values, in float64. */
function sumOfProducts(x: usize, y: usize, z: usize, n: i32): f64 {
  let sum = dzero();
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const a = vloadPart(x + at, n - i, 0);
    sum = dmadd(z ? vmul(a, vloadPart(z + at, n - i, 0)) : a, vloadPart(y + at, n - i, 0), sum);
  }
  return dsum(sum);
}

function inverseRms(x: usize, n: i32, epsilon: f32): f64 {
  return 1 / sqrt<f64>(sumOfProducts(x, x, 0, n) / n + epsilon);
}

/** y[rows, n] = x / rms(x) · gain[n]. */
export function rmsNorm(x: usize, gain: usize, y: usize, rows: i32, n: i32, epsilon: f32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>n * 4;
    const factor = vsplat(<f32>inverseRms(x + start, n, epsilon));
    for (let i = 0; i < n; i += LANES) {
      const at = <usize>i << 2;
      const scaled = vmul(vloadPart(x + start + at, n - i, 0), factor);
      vstorePart(y + start + at, vmul(scaled, vloadPart(gain + at, n - i, 0)), n - i);
    }
  }
}

/** dx = r·gain∘dy − x·r³/n·Σ gain∘dy∘x with r = 1/rms(x). */
export function rmsNormBackward(
  x: usize, gain: usize, dy: usize, dx: usize, rows: i32, n: i32, epsilon: f32, ith: i32, nth: i32,
): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const start = <usize>row * <usize>n * 4;
    const r = inverseRms(x + start, n, epsilon);
    const inner = sumOfProducts(x + start, dy + start, gain, n);
    const factor = vsplat(<f32>r);
    const shrink = vsplat(<f32>((inner * r * r * r) / n));
    for (let i = 0; i < n; i += LANES) {
      const at = <usize>i << 2;
      const scaled = vmul(vmul(vloadPart(dy + start + at, n - i, 0), vloadPart(gain + at, n - i, 0)), factor);
      vstorePart(dx + start + at, vsub(scaled, vmul(vloadPart(x + start + at, n - i, 0), shrink)), n - i);
    }
  }
}

/**
 * Rotates pairs of x[tokens, heads, headDim] in place by table[positions, pairs, 2] (cos, sin).
 * @param first, second elements from the first value of a pair to that of the next pair, and to its own second value
 * @param sign 1, or -1 to rotate back
 */
export function rope(
  x: usize, positions: usize, table: usize, tokens: i32, heads: i32, headDim: i32, pairs: i32,
  first: i32, second: i32, sign: f32, ith: i32, nth: i32,
): void {
  const end = shareStart(tokens, 1, ith + 1, nth);
  const next = <usize>first * 4;
  const partner = <usize>second * 4;
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const angles = table + <usize>load<i32>(positions + <usize>token * 4) * <usize>pairs * 8;
    for (let head = 0; head < heads; head++) {
      let at = x + (<usize>token * <usize>heads + <usize>head) * <usize>headDim * 4;
      for (let angle = angles; angle < angles + <usize>pairs * 8; angle += 8, at += next) {
        const cos = load<f32>(angle), sin = load<f32>(angle, 4) * sign;
        const a = load<f32>(at), b = load<f32>(at + partner);
        store<f32>(at, a * cos - b * sin);
        store<f32>(at + partner, a * sin + b * cos);
      }
    }
  }
}

/** y[n] += x[n]. */
export function add(y: usize, x: usize, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  for (let i = shareStart(n, 16, ith, nth); i < end; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(y + at, vadd(vloadPart(y + at, n - i, 0), vloadPart(x + at, n - i, 0)), n - i);
  }
}

/** y[rows, n] += bias[n] on every row. */
export function addBias(y: usize, bias: usize, rows: i32, n: i32, ith: i32, nth: i32): void {
  const end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) add(y + <usize>row * <usize>n * 4, bias, n, 0, 1);
}
