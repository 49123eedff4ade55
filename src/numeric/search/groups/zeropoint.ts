import type { ScaleType } from '../../scales.ts';
import { COARSE_PRECISION } from './level.ts';
import type { ZeroPointSearch } from './types.ts';

/** Search of scale and integer zero point: value = fround(scale·(q − zero)), both codes 0 … 2^bits − 1. */

/** Shares of the range that are tried: a narrower one clips its ends. */
export const RANGES = [1, 0.97, 0.94, 0.9, 0.85, 0.8, 0.73, 0.65];
/** Codes at the ends that may stay unused: what was encoded once is then found again. */
const MOST_UNUSED = 4;
const REFINEMENTS = 2;

/** Sums of one trial. */
const trial = { error: 0, step: 0 };

/** The scale and zero point with the least weighted error: shares of the range, then least squares for the codes. */
export function searchZeroPoint(
  { bits, type }: ZeroPointSearch,
  x: Float64Array,
  w: Float64Array,
): { code: number; zero: number } {
  const top = 2 ** bits - 1;
  let low = 0;
  let high = 0;
  for (const value of x) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const best = { code: type.code(0), zero: 0 };
  if (low === high) return best;
  let bestError = Infinity;
  let step = 0;
  const attempt = (wanted: number, lowest: number): void => {
    for (const code of codesNear(type, wanted)) {
      const scale = type.value(code);
      const zero = Math.min(Math.max(Math.round(-lowest / scale), 0), top);
      if (!(scale > 0) || !Number.isFinite(Math.fround(scale * top))) continue;
      measure(scale, zero, top, x, w);
      if (!(trial.error < bestError)) continue;
      bestError = trial.error;
      Object.assign(best, { code, zero });
      step = trial.step;
    }
  };
  for (const share of RANGES) attempt((share * high - share * low) / top, share * low);
  for (let unused = 1; unused <= MOST_UNUSED && unused < top; unused++) attempt((high - low) / (top - unused), low);
  for (let k = 0; k < REFINEMENTS && step > 0; k++) attempt(step, -best.zero * step);
  return best;
}

function codesNear(type: ScaleType, wanted: number): number[] {
  const nearest = type.code(wanted);
  return type.precision > COARSE_PRECISION ? [nearest] : [nearest, nearest + 1];
}

/** Error of one trial, and the best scale for its codes. */
function measure(scale: number, zero: number, top: number, x: Float64Array, w: Float64Array): void {
  let error = 0;
  let xq = 0;
  let qq = 0;
  for (let i = 0; i < x.length; i++) {
    const q = nearest(x[i], scale, zero, top) - zero;
    const difference = x[i] - Math.fround(scale * q);
    error += w[i] * difference * difference;
    xq += w[i] * x[i] * q;
    qq += w[i] * q * q;
  }
  trial.error = error;
  trial.step = xq / qq;
}

function nearest(value: number, scale: number, zero: number, top: number): number {
  if (scale === 0 || Number.isNaN(value)) return zero;
  return Math.min(Math.max(Math.round(value / scale) + zero, 0), top);
}

/** Codes of values under a stored scale and zero point. */
export function zeroPointCodes(
  { bits, type }: ZeroPointSearch,
  code: number,
  zero: number,
  values: Float32Array,
  codes: Uint16Array,
): void {
  const top = 2 ** bits - 1;
  const scale = type.value(code);
  for (let i = 0; i < values.length; i++) codes[i] = nearest(values[i], scale, zero, top);
}
