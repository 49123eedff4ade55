/** Magnitudes of a binary float and their codes: `FloatGrid` of src/core/minifloat.ts; and the stored scales made of them. */
import { scaleBits, scaleLargest, scaleNormal, scaleTwice } from './groupspec';

const SMALLEST_POWER: f64 = reinterpret<f64>(<u64>(1023 - 127) << 52);
const LARGEST_POWER: f64 = reinterpret<f64>(<u64>(1023 + 127) << 52);
const NO_POWER: u32 = 255;

/** x ≥ 0, not above the largest, rounded to the grid, ties to even. @param units 2^(52 − mantissa bits) */
// @ts-ignore: decorator
@inline export function roundMagnitude(x: f64, units: f64, normal: f64): f64 {
  // added to a number 2^52 times the step, x loses what is below the step
  const carrier = max<f64>(reinterpret<f64>(reinterpret<u64>(x) & 0x7ff0000000000000), normal) * units;
  return x + carrier - carrier;
}

/** 2^(52 − bits) */
// @ts-ignore: decorator
@inline export function unitsOf(bits: i32): f64 { return reinterpret<f64>(<u64>(1023 + 52 - bits) << 52); }

/** Code of a magnitude of the grid: they are consecutive. */
// @ts-ignore: decorator
@inline export function codeOfMagnitude(x: f64, units: f64, normal: f64): u32 {
  const shift: u64 = (reinterpret<u64>(units) >> 52) - 1023; // bits that a mantissa lacks
  const first: u32 = 1 << <u32>(52 - shift); // code of the smallest normal
  if (x < normal) return <u32>(x / normal * <f64>first);
  return <u32>((reinterpret<u64>(x) - reinterpret<u64>(normal)) >> shift) + first;
}

/** Code of the stored scale nearest to a positive number, or of 0: `ScaleType.code` of src/numeric/scales.ts. */
export function scaleCode(wanted: f64): u32 {
  if (scaleBits < 0) return powerCode(wanted);
  if (wanted == 0) return 0;
  let x = min<f64>(wanted, scaleLargest);
  if (scaleTwice) x = <f64><f32>x;
  const units = unitsOf(scaleBits);
  return max<u32>(codeOfMagnitude(min<f64>(roundMagnitude(x, units, scaleNormal), scaleLargest), units, scaleNormal), 1);
}

/** Value of a stored scale; NaN where the code means none that is finite. */
export function scaleValue(code: u32): f64 {
  if (scaleBits < 0) return code >= NO_POWER ? NaN : reinterpret<f64>((<u64>code + 1023 - 127) << 52);
  const first: u32 = 1 << scaleBits;
  if (code < first) return <f64>code * scaleNormal / <f64>first;
  const value = reinterpret<f64>((<u64>(code - first) << (52 - scaleBits)) + reinterpret<u64>(scaleNormal));
  return value > scaleLargest ? NaN : value;
}

/** Powers of two from 2^−127 to 2^127, ties upwards. */
function powerCode(wanted: f64): u32 {
  if (!(wanted > SMALLEST_POWER)) return 0;
  if (wanted >= LARGEST_POWER) return 254;
  const bits = reinterpret<u64>(wanted);
  return <u32>((bits >> 52) - (1023 - 127) + ((bits >> 51) & 1));
}
