/** Searches of consecutive blocks, and codes under what they found: src/numeric/backend.ts. */
import { shareStart } from '../../share';
import { searchAffine } from './affine';
import { loadBlock, nearestOf } from '../block';
import { blockScale } from './scale';
import { blockW, blockX, get, ideal, set } from '../scratch';
import { hasMinimum, readSpec, scaleCount, subBlock, subBlocks } from './spec';
import { searchStored } from './stored';
import { d, dmin, searchSuperAffine } from './superaffine';
import { searchSuperScale } from './superscale';

/**
 * Scales of `count` blocks, by the spec.
 * @param scale, minimum [count] float64 out @param a, b [count, subBlocks] int32 out
 */
export function searchScales(
  spec: usize, values: usize, importance: usize, scale: usize, minimum: usize, a: usize, b: usize,
  count: i32, ith: i32, nth: i32,
): void {
  readSpec(spec);
  const size = subBlocks * subBlock;
  const end = shareStart(count, 1, ith + 1, nth);
  for (let i = shareStart(count, 1, ith, nth); i < end; i++) {
    const from = <usize>(i * size) * 4, place = <usize>i << 3, integers = <usize>(i * subBlocks) << 2;
    loadBlock(values + from, importance == 0 ? 0 : importance + from, size, blockX(), blockW());
    if (scaleCount > 0) searchStored(a + integers);
    else if (subBlocks > 1 && hasMinimum) {
      searchSuperAffine(a + integers, b + integers);
      set(scale + place, d);
      set(minimum + place, dmin);
    } else if (subBlocks > 1) set(scale + place, searchSuperScale(a + integers));
    else if (hasMinimum) {
      set(minimum + place, searchAffine(0));
      set(scale + place, get(ideal(0)));
    } else set(scale + place, blockScale());
  }
}

/** Codes of `count` sub-blocks. @param nearest [512] u8 @param codes [count, subBlock] u8 out */
export function nearestCodes(
  nearest: usize, values: usize, scale: usize, offset: usize, codes: usize, subBlock: i32, count: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(count, 16, ith + 1, nth);
  for (let j = shareStart(count, 16, ith, nth); j < end; j++) {
    const s = <f64>load<f32>(scale + (<usize>j << 2));
    const halfSteps: f64 = s == 0 ? 0 : 2 / s;
    const zero = 256 - <f64>load<f32>(offset + (<usize>j << 2)) * halfSteps;
    const from = <usize>j * <usize>subBlock;
    nearestOf(nearest, values + (from << 2), codes + from, subBlock, halfSteps, zero);
  }
}
