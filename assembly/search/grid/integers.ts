/** Integers of sub-blocks' scales, sub-blocks of even and odd index in the two lanes. */
import { ideal, subQQ, subXQ } from '../scratch';
import { highest, lowest, subBlocks } from './spec';

/** Best integers for d by the quadratic model. Returns its error, relative to that of all zeros. */
export function chooseIntegers(d: f64, integers: usize): f64 {
  const step = f64x2.splat(d), half = f64x2.splat(0.5), two = f64x2.splat(2);
  const low = f64x2.splat(<f64>lowest), high = f64x2.splat(<f64>highest);
  let loss = f64x2.splat(0);
  for (let j = 0; j < subBlocks; j += 2) {
    const position = f64x2.div(v128.load(ideal(j)), step);
    const integer = f64x2.floor(f64x2.add(f64x2.min(f64x2.max(position, low), high), half));
    const scale = f64x2.mul(step, integer);
    const slope = f64x2.sub(f64x2.mul(scale, v128.load(subQQ(j))), f64x2.mul(two, v128.load(subXQ(j))));
    loss = f64x2.add(loss, f64x2.mul(scale, slope));
    v128.store64_lane(integers + (<usize>j << 2), i32x4.trunc_sat_f64x2_s_zero(integer), 0);
  }
  return f64x2.extract_lane(loss, 0) + f64x2.extract_lane(loss, 1);
}
