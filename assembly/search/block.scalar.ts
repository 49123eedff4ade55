/** `block.ts` for machines without SIMD. Same names, same meanings, same bits. */

export function loadBlock(values: usize, importance: usize, n: i32, x: usize, w: usize): void {
  let even: f64 = 0, odd: f64 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const value = <f64>load<f32>(values + (i << 2));
    const weight: f64 = importance == 0 ? 1 : <f64>load<f32>(importance + (i << 2));
    const finite = abs(value) < Infinity;
    const kept: f64 = finite && weight >= 0 && weight < Infinity ? weight : 0;
    store<f64>(x + (i << 3), finite ? value : 0);
    store<f64>(w + (i << 3), kept);
    if (i & 1) odd += kept;
    else even += kept;
  }
  const total = even + odd;
  const least: f64 = importance == 0 ? 0 : 1e-6;
  const floor: f64 = total > 0 ? (least * total) / <f64>n : 1;
  for (const end = w + (<usize>n << 3); w < end; w += 8) store<f64>(w, load<f64>(w) + floor);
}

export let smallest: f64 = 0;
export let largest: f64 = 0;
export let sumW: f64 = 0;
export let sumWX: f64 = 0;

export function survey(x: usize, w: usize, n: i32, low: f64): void {
  smallest = low;
  largest = load<f64>(x);
  let evenW: f64 = 0, oddW: f64 = 0, evenWX: f64 = 0, oddWX: f64 = 0;
  for (const end = x + (<usize>n << 3); x < end; x += 16, w += 16) {
    const even = load<f64>(x), odd = load<f64>(x, 8);
    smallest = min(smallest, min(even, odd));
    largest = max(largest, max(even, odd));
    evenW += load<f64>(w);
    oddW += load<f64>(w, 8);
    evenWX += load<f64>(w) * even;
    oddWX += load<f64>(w, 8) * odd;
  }
  sumW = evenW + oddW;
  sumWX = evenWX + oddWX;
}

export function extreme(x: usize, n: i32): f64 {
  let low = load<f64>(x), high = low;
  for (const end = x + (<usize>n << 3); x < end; x += 8) {
    low = min(low, load<f64>(x));
    high = max(high, load<f64>(x));
  }
  return high >= -low ? high : low;
}

export function nearestOf(nearest: usize, values: usize, codes: usize, n: i32, halfSteps: f64, zero: f64): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const place = <f64>load<f32>(values + (i << 2)) * halfSteps + zero;
    const known = place == place ? place : zero;
    const entry: usize = known > 0 ? (known < 511 ? <usize>known : 511) : 0;
    store<u8>(codes + i, load<u8>(nearest + entry));
  }
}
