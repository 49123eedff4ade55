import type { Element } from '../../elements.ts';
import type { ScaleType } from '../../scales.ts';

/**
 * Scale search of any element under any type of scale. Where levels are not integers or scales are coarse, codes for a
 * trial scale are found one by one and its exact error decides; `search/grid/scale.ts` is the fast search of GGUF's formats.
 */

/** Clipping: the largest magnitude may lie beyond the largest level by these factors. */
const CLIPS = [1.06, 1.13, 1.22, 1.35, 1.55, 1.8, 2.2, 2.8];
/** Of scales with so few bits of mantissa the neighbours are tried too. */
export const COARSE_PRECISION = 3;
const REFINEMENTS = 3;
const LARGEST_F32 = 3.4028234663852886e38;

/** What the largest magnitude is divided by to get the scales that are tried first. */
export function levelStarts({ tops, largest }: Element): number[] {
  return [...tops, ...CLIPS.map((clip) => clip * largest)];
}

/** Sums of one trial. */
const trial = { error: 0, xq: 0, qq: 0 };

/**
 * The stored scale that minimizes Σ w (x − scale·nearest level)².
 * @param outer what stored scales are multiplied by
 * @returns its code in `type`
 */
export function searchScaleCode(
  element: Element,
  type: ScaleType,
  x: Float64Array,
  w: Float64Array,
  outer = 1,
): number {
  let largest = 0;
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]));
  let best = type.code(0);
  measure(element, scaleOf(type, best, outer), x, w);
  let bestError = trial.error;
  let step = 0; // the best continuous scale for the best codes
  const tryCode = (code: number): void => {
    const scale = scaleOf(type, code, outer);
    if (!(scale > 0) || scale * element.largest > LARGEST_F32) return;
    measure(element, scale, x, w);
    if (!(trial.error < bestError)) return;
    bestError = trial.error;
    best = code;
    step = trial.xq / trial.qq;
  };
  const tryScale = (scale: number): void => {
    const code = type.code(scale / outer);
    tryCode(code);
    if (type.precision > COARSE_PRECISION) return;
    tryCode(code + 1);
    if (code > 0) tryCode(code - 1);
  };
  if (largest === 0) return best;
  for (const start of levelStarts(element)) tryScale(largest / start);
  for (let k = 0; k < REFINEMENTS && step > 0; k++) {
    const before = best;
    tryScale(step);
    if (best === before) break;
  }
  return best;
}

/** Codes of values under a stored scale. A scale of 0 leaves them their signs. */
export function levelCodes(
  element: Element,
  type: ScaleType,
  code: number,
  outer: number,
  values: Float32Array,
  codes: Uint16Array,
): void {
  const scale = scaleOf(type, code, outer);
  for (let i = 0; i < values.length; i++) codes[i] = element.code(scale === 0 ? 0 * values[i] : values[i] / scale);
}

function scaleOf(type: ScaleType, code: number, outer: number): number {
  return Math.fround(outer * type.value(code));
}

/** Error of one scale and the sums from which the best scale for its codes follows. */
function measure(element: Element, scale: number, x: Float64Array, w: Float64Array): void {
  let error = 0;
  let xq = 0;
  let qq = 0;
  for (let i = 0; i < x.length; i++) {
    const level = scale === 0 ? 0 : element.value(element.code(x[i] / scale));
    const difference = x[i] - Math.fround(scale * level);
    error += w[i] * difference * difference;
    xq += w[i] * x[i] * level;
    qq += w[i] * level * level;
  }
  trial.error = error;
  trial.xq = xq;
  trial.qq = qq;
}
