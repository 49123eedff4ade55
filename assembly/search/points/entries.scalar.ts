/** `entries.ts` for machines without SIMD. Same names, same meanings, same bits. */

// @ts-ignore: decorator
@inline export function costOf(places: u32, costs: usize): f64 {
  return load<f64>(costs + (<usize>(places & 255) << 3)) + load<f64>(costs + (<usize>((places >> 8) & 255) << 3)) +
    load<f64>(costs + (<usize>((places >> 16) & 255) << 3)) + load<f64>(costs + (<usize>(places >> 24) << 3));
}

export let cheapestIndex: i32 = 0;

export function cheapest(list: usize, costs: usize, count: i32): f64 {
  let least: f64 = Infinity;
  cheapestIndex = 0;
  for (let k = 0; k < count; k++) {
    const cost = costOf(load<u32>(list + (<usize>k << 2)), costs);
    if (!(cost < least)) continue;
    least = cost;
    cheapestIndex = k;
  }
  return least;
}

export function magnitudes(x: usize, y: usize, scale: f64, bound: f64): i32 {
  const inverse = 1 / scale;
  let signs = 0;
  for (let i = 0; i < 8; i++, x += 8, y += 8) {
    const value = load<f64>(x);
    signs |= <i32>(value < 0) << i;
    store<f64>(y, scale > 0 ? min(abs(value) * inverse, bound) : 0);
  }
  return signs;
}
