/** What a search first asks of a group of any length, and its values and weights made ready: src/numeric/search/block.ts. */

/** Smallest and largest finite value, at most and at least 0. */
export let groupLow: f64 = 0;
export let groupHigh: f64 = 0;
/** What every weight gets besides its importance. */
export let groupFloor: f64 = 0;

// @ts-ignore: decorator
@inline function isFinite(x: f64): bool { return abs<f64>(x) < Infinity; }

// @ts-ignore: decorator
@inline function weightOf(value: f64, importance: usize, at: usize): f64 {
  const weight: f64 = importance == 0 ? 1 : <f64>load<f32>(importance + at);
  return isFinite(value) && weight >= 0 && weight < Infinity ? weight : 0;
}

/** n values and their importance (0: all ones). */
export function surveyGroup(values: usize, importance: usize, n: i32): void {
  let least: f64 = 0, most: f64 = 0, even: f64 = 0, odd: f64 = 0;
  const end = <usize>n << 2;
  for (let at: usize = 0; at < end; at += 8) {
    const value = <f64>load<f32>(values + at);
    even += weightOf(value, importance, at);
    if (isFinite(value)) {
      least = min<f64>(least, value);
      most = max<f64>(most, value);
    }
    if (at + 4 == end) break;
    const next = <f64>load<f32>(values + at, 4);
    odd += weightOf(next, importance, at + 4);
    if (isFinite(next)) {
      least = min<f64>(least, next);
      most = max<f64>(most, next);
    }
  }
  const sum = even + odd;
  groupLow = least;
  groupHigh = most;
  groupFloor = sum > 0 ? (importance == 0 ? 0 : 1e-6 * sum) / <f64>n : 1;
}

/** Part of a group as float64: x with 0 for what is not finite, w with the floor. [n] each */
export function loadPart(values: usize, importance: usize, n: i32, floor: f64, x: usize, w: usize): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const value = <f64>load<f32>(values + (i << 2));
    store<f64>(x + (i << 3), isFinite(value) ? value : 0);
    store<f64>(w + (i << 3), weightOf(value, importance, i << 2) + floor);
  }
}
