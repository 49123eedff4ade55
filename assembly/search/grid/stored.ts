/** Searches of scales that are codes of a short table: src/numeric/search/grid/stored.ts. */
import { extreme } from '../block';
import { searchScale } from './scale';
import { blockW, blockX, error, get, set, trialMinimum, trialQQ, trialScale, trialXQ } from '../scratch';
import { highest, isNear, levelsHigh, reach, scaleCount, scales, subBlock, subBlocks } from './spec';
import { correlate } from './trials';

// @ts-ignore: decorator
@inline function scaleOf(code: i32): f64 { return get(scales + (<usize>code << 3)); }

/** First code whose scale is at least `wanted`; the last one where there is none. */
function firstReaching(wanted: f64): i32 {
  let low = 0, high = scaleCount - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scaleOf(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Codes of the scales of the block at hand. @param codes [subBlocks] int32 out */
export function searchStored(codes: usize): void {
  for (let j = 0; j < subBlocks; j++) store<i32>(codes + (<usize>j << 2), isNear ? nearCode(j) : powerCode(j));
}

/** Tries codes first, first + step … of sub-block j. */
function tryCodes(j: i32, first: i32, step: i32, count: i32): void {
  for (let k = 0; k < count; k++) {
    set(trialScale(k), scaleOf(min(first + k * step, highest)));
    set(trialMinimum(k), 0);
  }
  correlate(blockX(j * subBlock), blockW(j * subBlock), subBlock, 0, count);
}

// @ts-ignore: decorator
@inline function errorOf(k: i32): f64 { return error(get(trialScale(k)), 0, 0, 0, 0, get(trialQQ(k)), get(trialXQ(k))); }

function powerCode(j: i32): i32 {
  const largest = abs(extreme(blockX(j * subBlock), subBlock));
  if (largest == 0) return 0;
  const reaching = firstReaching(largest / levelsHigh), count = min(reach, reaching) + 1;
  tryCodes(j, reaching, -1, count);
  let best = 0;
  let least: f64 = Infinity;
  for (let k = 0; k < count; k++) {
    const error = errorOf(k);
    if (!(error < least)) continue;
    least = error;
    best = min(reaching - k, highest);
  }
  return best;
}

function nearCode(j: i32): i32 {
  const middle = firstReaching(abs(searchScale(j)));
  const first = max(1, middle - reach), count = min(middle + reach, highest) - first + 1;
  tryCodes(j, first, 1, count);
  let best = 0;
  let least: f64 = 0; // relative to Σ w x², the error of the scale 0
  for (let k = 0; k < count; k++) {
    const error = errorOf(k);
    if (error >= least) continue;
    least = error;
    best = first + k;
  }
  return best;
}
