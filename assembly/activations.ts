/**
 * Activations and gated units, elements dealt in turn. `activation` counts src/kernels/wasm/elements.ts' names:
 * silu 0, gelu (tanh form) 1, gelu (erf) 2, relu 3, sigmoid 4, tanh 5, relu² 6, softplus 7; a gate may be clamped, −1.
 */
import { LANES, V, vabs, vadd, vdiv, vloadPart, vmadd, vmax, vmin, vmul, vselectLess, vsplat, vstorePart, vsub } from './lanes';
import { vexp } from './exp';
import { shareStart } from './share';
import { vtanh } from './tanh';

const SILU: i32 = 0;
const GELU: i32 = 1;
const GELU_ERF: i32 = 2;
const RELU: i32 = 3;
const SIGMOID: i32 = 4;
const TANH: i32 = 5;
const RELU2: i32 = 6;
const CLAMPED: i32 = -1;

// @ts-ignore: decorator
@inline export function vsigmoid(x: V): V {
  return vdiv(vsplat(1), vadd(vsplat(1), vexp(vsub(vsplat(0), x))));
}

/**
 * 2·√(2/π), and that times 0.044715. 0.5·(1 + tanh z) = sigmoid(2z), which keeps its digits where tanh is near −1.
 */
const GELU_LINEAR: f32 = 1.5957691216057308;
const GELU_CUBIC: f32 = 0.07135481627260025;
/** Beyond it the slope of gelu's sigmoid is 0; squares stay finite. */
const GELU_FLAT: f32 = 30;

/** exp(−x²/2); 0 for large x, whose squares overflow. */
// @ts-ignore: decorator
@inline function bell(x: V): V {
  return vexp(vmul(vmul(x, x), vsplat(-0.5)));
}

/**
 * Share of a normal distribution below x, from e = bell(x): e·t·P(t) in the tail, t = 1/(1 + 0.24·|x|). P is fitted to 2e-8 of the
 * exact share for |x| < 35 by reweighted least squares; the form is that of Abramowitz and Stegun, "Handbook of mathematical
 * functions" (1964), 26.2.17.
 */
// @ts-ignore: decorator
@inline function normalBelow(x: V, e: V): V {
  const t = vdiv(vsplat(1), vmadd(vabs(x), vsplat(0.24), vsplat(1)));
  let tail = vsplat(0.0232295195);
  tail = vmadd(t, tail, vsplat(-0.113022205));
  tail = vmadd(t, tail, vsplat(0.180268869));
  tail = vmadd(t, tail, vsplat(-0.11355737));
  tail = vmadd(t, tail, vsplat(0.118399254));
  tail = vmadd(t, tail, vsplat(0.0391613715));
  tail = vmadd(t, tail, vsplat(0.0844347038));
  tail = vmadd(t, tail, vsplat(0.0895454666));
  tail = vmadd(t, tail, vsplat(0.095795737));
  tail = vmadd(t, tail, vsplat(0.095744645));
  const far = vmul(vmul(t, tail), e);
  return vselectLess(x, vsplat(0), far, vsub(vsplat(1), far));
}

/** The number in 0 … 1 that x is multiplied by. */
// @ts-ignore: decorator
@inline function fraction(x: V, activation: i32): V {
  if (activation == SILU) return vsigmoid(x);
  if (activation == GELU_ERF) return normalBelow(x, bell(x));
  return vsigmoid(vmul(x, vmadd(vmul(x, x), vsplat(GELU_CUBIC), vsplat(GELU_LINEAR))));
}

/** Derivative of x·s, s = fraction(x). */
// @ts-ignore: decorator
@inline function slopeOfGate(x: V, s: V, activation: i32): V {
  const rest = vsub(vsplat(1), s);
  if (activation == SILU) return vmul(s, vmadd(x, rest, vsplat(1)));
  if (activation == GELU_ERF) return vmadd(vmul(x, vsplat(0.39894228)), bell(x), s);
  const inside = vmin(vmax(x, vsplat(-GELU_FLAT)), vsplat(GELU_FLAT));
  const inner = vmadd(vmul(inside, inside), vsplat(3 * GELU_CUBIC), vsplat(GELU_LINEAR));
  return vmadd(vmul(x, s), vmul(rest, inner), s);
}

/** Steepness and bounds of the clamped gate. */
const STEEP: f32 = 1.702;
const CLAMP: f32 = 7;

/** min(gate, 7), NaN kept. */
// @ts-ignore: decorator
@inline function belowClamp(x: V): V {
  return vselectLess(vsplat(CLAMP), x, vsplat(CLAMP), x);
}

/** Between −7 and 7, NaN kept. */
// @ts-ignore: decorator
@inline function withinClamp(x: V): V {
  const below = belowClamp(x);
  return vselectLess(below, vsplat(-CLAMP), vsplat(-CLAMP), below);
}

/** The clamped gate's y, of the gate and the other input. */
// @ts-ignore: decorator
@inline function clamped(x: V, up: V): V {
  const g = belowClamp(x);
  return vmul(vmul(g, vsigmoid(vmul(g, vsplat(STEEP)))), vadd(withinClamp(up), vsplat(1)));
}

/** Gradients of the clamped gate at elements from `at` on, `count` of them. */
function clampedBackward(gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize, count: i32): void {
  const x = vloadPart(gate, count, 0);
  const other = vloadPart(up, count, 0);
  const gradient = vloadPart(dy, count, 0);
  const g = belowClamp(x);
  const s = vsigmoid(vmul(g, vsplat(STEEP)));
  const slope = vmul(s, vmadd(vmul(g, vsplat(STEEP)), vsub(vsplat(1), s), vsplat(1)));
  const byGate = vmul(vmul(gradient, vadd(withinClamp(other), vsplat(1))), slope);
  const byUp = vmul(vmul(gradient, g), s);
  const zero = vsplat(0);
  vstorePart(dGate, vselectLess(x, vsplat(CLAMP), byGate, zero), count);
  const above = vselectLess(vsplat(-CLAMP), other, byUp, zero);
  vstorePart(dUp, vselectLess(other, vsplat(CLAMP), above, zero), count);
}

/** y[n] = activation(gate)·up. */
export function gated(gate: usize, up: usize, y: usize, n: i32, activation: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  for (let i = shareStart(n, 16, ith, nth); i < end; i += LANES) {
    const at = <usize>i << 2;
    const x = vloadPart(gate + at, n - i, 0);
    const other = vloadPart(up + at, n - i, 0);
    const made = activation == CLAMPED ? clamped(x, other) : vmul(vmul(x, fraction(x, activation)), other);
    vstorePart(y + at, made, n - i);
  }
}

/** dGate = dy·up·activation′(gate), dUp = dy·activation(gate). */
export function gatedBackward(
  gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize, n: i32, activation: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(n, 16, ith + 1, nth);
  for (let i = shareStart(n, 16, ith, nth); i < end; i += LANES) {
    const at = <usize>i << 2;
    if (activation == CLAMPED) {
      clampedBackward(gate + at, up + at, dy + at, dGate + at, dUp + at, n - i);
      continue;
    }
    const x = vloadPart(gate + at, n - i, 0);
    const gradient = vloadPart(dy + at, n - i, 0);
    const s = fraction(x, activation);
    const byGate = vmul(vmul(gradient, vloadPart(up + at, n - i, 0)), slopeOfGate(x, s, activation));
    vstorePart(dGate + at, byGate, n - i);
    vstorePart(dUp + at, vmul(vmul(gradient, x), s), n - i);
  }
}

/**
 * log(1 + eˣ) = max(x, 0) + log(1 + u), u = e^−|x|. With s = u/(2 + u) ≤ 1/3, log(1 + u) = 2·artanh(s), by its series to s¹³.
 */
// @ts-ignore: decorator
@inline function vsoftplus(x: V): V {
  const u = vexp(vsub(vsplat(0), vabs(x)));
  const s = vdiv(u, vadd(vsplat(2), u));
  const square = vmul(s, s);
  let series = vsplat(2.0 / 13.0);
  series = vmadd(series, square, vsplat(2.0 / 11.0));
  series = vmadd(series, square, vsplat(2.0 / 9.0));
  series = vmadd(series, square, vsplat(2.0 / 7.0));
  series = vmadd(series, square, vsplat(2.0 / 5.0));
  series = vmadd(series, square, vsplat(2.0 / 3.0));
  series = vmadd(series, square, vsplat(2));
  return vmadd(series, s, vmax(x, vsplat(0)));
}

// @ts-ignore: decorator
@inline function value(x: V, activation: i32): V {
  if (activation <= GELU_ERF) return vmul(x, fraction(x, activation));
  if (activation == RELU) return vmax(x, vsplat(0));
  if (activation == SIGMOID) return vsigmoid(x);
  if (activation == TANH) return vtanh(x);
  return activation == RELU2 ? vmul(x, vmax(x, vsplat(0))) : vsoftplus(x);
}

/** dy·activation′(x). */
// @ts-ignore: decorator
@inline function back(x: V, dy: V, activation: i32): V {
  if (activation <= GELU_ERF) return vmul(dy, slopeOfGate(x, fraction(x, activation), activation));
  if (activation == RELU) return vmul(dy, vselectLess(vsplat(0), x, vsplat(1), vsplat(0)));
  if (activation == SIGMOID) {
    const s = vsigmoid(x);
    return vmul(dy, vmul(s, vsub(vsplat(1), s)));
  }
  if (activation == RELU2) return vmul(dy, vmul(vsplat(2), vmax(x, vsplat(0))));
  if (activation != TANH) return vmul(dy, vsigmoid(x));
  const tangent = vtanh(x);
  return vmul(dy, vsub(vsplat(1), vmul(tangent, tangent)));
}

/** y[n] = activation(x). */
export function activate(x: usize, y: usize, n: i32, activation: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  for (let i = shareStart(n, 16, ith, nth); i < end; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(y + at, value(vloadPart(x + at, n - i, 0), activation), n - i);
  }
}

/** dx[n] = dy·activation′(x). */
export function activateBackward(x: usize, dy: usize, dx: usize, n: i32, activation: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, 16, ith + 1, nth);
  for (let i = shareStart(n, 16, ith, nth); i < end; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(dx + at, back(vloadPart(x + at, n - i, 0), vloadPart(dy + at, n - i, 0), activation), n - i);
  }
}
