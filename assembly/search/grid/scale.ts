/** Scale search of symmetric grids: src/numeric/search/grid/scale.ts. */
import { extreme } from '../block';
import { contend, foundError, foundQQ, foundScale, foundXQ } from './contend';
import { roundScale } from '../round';
import { blockW, blockX, error, get, set, subQQ, subXQ, trialMinimum, trialQQ, trialScale, trialXQ } from '../scratch';
import { startCount, starts, subBlock } from './spec';
import { correlate } from './trials';

const SMALLEST_NORMAL_F16: f64 = 6.103515625e-5;

/** The scale with the least error of sub-block j, not rounded; its sums beside it. */
export function searchScale(j: i32): f64 {
  const x = blockX(j * subBlock), w = blockW(j * subBlock);
  set(subQQ(j), 0);
  set(subXQ(j), 0);
  const outermost = extreme(x, subBlock);
  if (outermost == 0) return 0;
  for (let k = 0; k < startCount; k++) {
    set(trialScale(k), outermost * get(starts + (<usize>k << 3)));
    set(trialMinimum(k), 0);
  }
  contend(x, w, subBlock, startCount);
  if (foundError == Infinity) return 0;
  set(subQQ(j), foundQQ);
  set(subXQ(j), foundXQ);
  return foundScale;
}

/** The scale of the block at hand, as binary16 stores it. */
export function blockScale(): f64 {
  const d = roundScale(searchScale(0));
  if (!(abs(d) < SMALLEST_NORMAL_F16)) return d;
  // so coarse that all zeros may be better, where no level is 0
  set(trialScale(0), d == 0 ? 1 : d);
  set(trialMinimum(0), 0);
  correlate(blockX(), blockW(), subBlock, 0, 1);
  return error(d, 0, 0, 0, 0, get(trialQQ(0)), get(trialXQ(0))) >= 0 ? 0 : d;
}
