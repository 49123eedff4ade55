import { V, vadd, vmadd, vmax, vmin, vmul, vnearest, vscaleByPowerOfTwo, vselectLess, vsplat, vsub } from './lanes';

/** Below this the result is 0 (it would be a denormal), above the other it is infinite. */
const LOWEST: f32 = -87.33654;
const HIGHEST: f32 = 88.72283;

/**
 * eˣ with relative error below 2e-7; NaN stays NaN.
 * With n = round(x/ln 2) and r = x − n·ln 2: eˣ = 2ⁿ·eʳ, |r| ≤ 0.347, eʳ by its Taylor series to r⁷.
 */
// @ts-ignore: decorator
@inline export function vexp(x: V): V {
  const inside = vmin(vmax(x, vsplat(LOWEST)), vsplat(HIGHEST));
  const n = vnearest(vmul(inside, vsplat(1.44269504)));
  // ln 2 in two parts, the first short enough for n times it to be exact.
  const r = vmadd(n, vsplat(2.12194440e-4), vmadd(n, vsplat(-0.693359375), inside));
  let y = vsplat(1.0 / 5040.0);
  y = vmadd(y, r, vsplat(1.0 / 720.0));
  y = vmadd(y, r, vsplat(1.0 / 120.0));
  y = vmadd(y, r, vsplat(1.0 / 24.0));
  y = vmadd(y, r, vsplat(1.0 / 6.0));
  y = vmadd(y, r, vsplat(0.5));
  y = vadd(vmadd(vmul(r, r), y, r), vsplat(1));
  // 2^128 does not exist as a float32: the last doubling is done apart.
  const half = vmin(n, vsplat(127));
  y = vscaleByPowerOfTwo(y, half);
  y = vmul(y, vadd(vsplat(1), vsub(n, half)));
  y = vselectLess(x, vsplat(LOWEST), vsplat(0), y);
  return vselectLess(vsplat(HIGHEST), x, vsplat(Infinity), y);
}
