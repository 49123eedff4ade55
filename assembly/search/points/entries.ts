/** The inner loops of code books, two float64 lanes at a time; `entries.scalar.ts` does the same without vectors. */

/** Cost of an entry whose four terms are at these places, a byte each, of the table `costs`. */
// @ts-ignore: decorator
@inline export function costOf(places: u32, costs: usize): f64 {
  return load<f64>(costs + (<usize>(places & 255) << 3)) + load<f64>(costs + (<usize>((places >> 8) & 255) << 3)) +
    load<f64>(costs + (<usize>((places >> 16) & 255) << 3)) + load<f64>(costs + (<usize>(places >> 24) << 3));
}

/** The same term of two entries. */
// @ts-ignore: decorator
@inline function both(costs: usize, first: u32, second: u32): v128 {
  return v128.load64_lane(costs + (<usize>second << 3), v128.load64_zero(costs + (<usize>first << 3)), 1);
}

/** Result of `cheapest`: the first entry of least cost. */
export let cheapestIndex: i32 = 0;

/** Least cost of `count` entries (even). @param list [count] u32, places of their terms */
export function cheapest(list: usize, costs: usize, count: i32): f64 {
  let least = f64x2.splat(Infinity);
  let index = i64x2(0, 1), best = index;
  const two = i64x2.splat(2);
  for (let k = 0; k < count; k += 2, list += 8) {
    const a = load<u32>(list), b = load<u32>(list, 4);
    const cost = f64x2.add(
      f64x2.add(
        f64x2.add(both(costs, a & 255, b & 255), both(costs, (a >> 8) & 255, (b >> 8) & 255)),
        both(costs, (a >> 16) & 255, (b >> 16) & 255),
      ),
      both(costs, a >> 24, b >> 24),
    );
    best = v128.bitselect(index, best, f64x2.lt(cost, least));
    least = f64x2.pmin(least, cost);
    index = i64x2.add(index, two);
  }
  const even = f64x2.extract_lane(least, 0), odd = f64x2.extract_lane(least, 1);
  const first = <i32>i64x2.extract_lane(best, 0), second = <i32>i64x2.extract_lane(best, 1);
  const takesOdd = odd < even || (odd == even && second < first);
  cheapestIndex = takesOdd ? second : first;
  return takesOdd ? odd : even;
}

/** Magnitudes of 8 values divided by the scale, at most `bound`, to y; 0 where the scale is. Returns their signs. */
export function magnitudes(x: usize, y: usize, scale: f64, bound: f64): i32 {
  const inverse = f64x2.splat(1 / scale), most = f64x2.splat(bound), zero = f64x2.splat(0);
  const isPositive = scale > 0;
  let signs = 0;
  for (let i = 0; i < 8; i += 2, x += 16, y += 16) {
    const value = v128.load(x);
    signs |= i64x2.bitmask(f64x2.lt(value, zero)) << i;
    v128.store(y, isPositive ? f64x2.min(f64x2.mul(f64x2.abs(value), inverse), most) : zero);
  }
  return signs;
}
