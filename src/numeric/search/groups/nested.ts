import type { Narrowing, NestedSearch } from './types.ts';

/** Search of the scale of 8-bit integers that hold narrower ones: value = scale·q at 8 bits, scale·narrow(q) below. */

const STORED_BITS = 8;
/** What the largest magnitude is divided by to get the scales that are tried: the largest code times clipping factors. */
export const NESTED_STARTS = [1, 1.05, 1.1, 1.17, 1.25, 1.35, 1.5, 1.7, 2, 2.4, 3].map((clip) => 127 * clip);
/** Cost of an error where another scale has none. */
const LOST = 1e9;

export const narrowings: Readonly<Record<Narrowing, (q: number, bits: number) => number>> = { sliceMsb, roundAgain };

/**
 * Matryoshka: the upper bits of the offset code q + 128, with the next bit as a carry, kept below 2^bits.
 * @see Nair et al., "Matryoshka Quantization", 2025, equation 6
 */
export function sliceMsb(q: number, bits: number): number {
  const unit = 2 ** (STORED_BITS - bits);
  return Math.min(Math.floor((q + 128) / unit + 0.5), 2 ** bits - 1) * unit - 128;
}

/**
 * Double Rounding: the stored code is rounded a second time, by a step 2^(8 − bits) as large, ties to even.
 * @see Huang et al., "Nearly Lossless Adaptive Bit Switching", 2025, equation 5
 */
export function roundAgain(q: number, bits: number): number {
  const unit = 2 ** (STORED_BITS - bits);
  const half = 2 ** (bits - 1);
  const floor = Math.floor(q / unit);
  const rest = q / unit - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && (floor & 1) !== 0) ? floor + 1 : floor;
  return Math.min(Math.max(rounded, -half), half - 1) * unit;
}

/** The scale with the least Σ over widths of error(width)/least error(width); its code. */
export function searchNestedScale({ narrowing, widths, type }: NestedSearch, x: Float64Array, w: Float64Array): number {
  let largest = 0;
  for (const value of x) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return type.code(0);
  const narrow = narrowings[narrowing];
  const codes = NESTED_STARTS.map((start) => type.code(largest / start));
  const errors = codes.map((code) => widths.map((bits) => errorAt(narrow, bits, type.value(code), x, w)));
  const least = widths.map((_, k) => Math.min(...errors.map((error) => error[k])));
  const costs = errors.map((error) =>
    error.reduce((sum, e, k) => sum + (least[k] > 0 ? e / least[k] : e > 0 ? LOST : 1), 0),
  );
  return codes[costs.indexOf(Math.min(...costs))];
}

function errorAt(
  narrow: (q: number, bits: number) => number,
  bits: number,
  scale: number,
  x: Float64Array,
  w: Float64Array,
): number {
  let error = 0;
  for (let i = 0; i < x.length; i++) error += w[i] * (x[i] - scale * narrow(nearest(x[i], scale), bits)) ** 2;
  return error;
}

function nearest(value: number, scale: number): number {
  if (scale === 0 || Number.isNaN(value)) return 0;
  return Math.min(Math.max(Math.round(value / scale), -128), 127);
}

/** Codes of values under a stored scale. */
export function nestedCodes(scale: number, values: Float32Array, codes: Uint16Array): void {
  for (let i = 0; i < values.length; i++) codes[i] = nearest(values[i], scale) & 0xff;
}
