/** Search for scale and minimum: src/numeric/search/grid/affine.ts. */
import { largest, smallest, sumW, sumWX, survey } from '../block';
import { contend, foundError, foundMinimum, foundQ, foundQQ, foundScale, foundXQ, setTotals } from './contend';
import { blockW, blockX, get, ideal, set, subQ, subQQ, subW, subWX, subXQ, trialMinimum, trialScale } from '../scratch';
import { anySign, maximum, startCount, starts, subBlock } from './spec';

/** Finds the scale with the least error of sub-block j, not rounded; its sums beside it. Returns the minimum. */
export function searchAffine(j: i32): f64 {
  const x = blockX(j * subBlock), w = blockW(j * subBlock);
  survey(x, w, subBlock, anySign ? get(x) : 0);
  const low = smallest, high = largest;
  set(subW(j), sumW);
  set(subWX(j), sumWX);
  set(subQ(j), 0);
  set(subQQ(j), 0);
  set(subXQ(j), 0);
  set(ideal(j), 0);
  if (low == high) return low;
  setTotals(sumW, sumWX);
  for (let k = 0; k < startCount; k++) {
    const start = starts + (<usize>k << 4);
    const below = get(start);
    const scale = (high - low) / (maximum + below + get(start + 8));
    set(trialScale(k), scale);
    set(trialMinimum(k), low + below * scale);
  }
  contend(x, w, subBlock, startCount);
  if (foundError == Infinity) return low;
  set(subQ(j), foundQ);
  set(subQQ(j), foundQQ);
  set(subXQ(j), foundXQ);
  set(ideal(j), foundScale);
  return foundMinimum;
}
