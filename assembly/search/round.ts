/** Roundings of the searches, as JavaScript has them. */

/** `Math.round`: to the nearest integer, ties upwards. */
// @ts-ignore: decorator
@inline export function round(x: f64): f64 {
  const up = ceil<f64>(x);
  return up - 0.5 <= x ? up : up - 1;
}

/** `roundScale` of src/core/float16.ts: to binary16, saturated, and never to 0 unless it is 0. */
export function roundScale(scale: f64): f64 {
  if (scale == 0) return 0;
  const magnitude = min(max(abs(scale), <f64>5.9604644775390625e-8), <f64>65504);
  let rounded: f64;
  if (magnitude < 6.103515625e-5) rounded = nearest<f64>(magnitude * 16777216) / 16777216;
  else {
    const bits = reinterpret<u64>(magnitude); // 42 of 52 bits go, ties to even
    rounded = reinterpret<f64>((bits + 0x1ffffffffff + ((bits >> 42) & 1)) & ~0x3ffffffffff);
  }
  return scale < 0 ? -rounded : rounded;
}
