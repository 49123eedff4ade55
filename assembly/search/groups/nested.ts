/** Search of the stored scale of integers that hold narrower ones: src/numeric/search/groups/nested.ts. */
import { scaleCode, scaleValue } from './floats';
import { start, startCount, widthCount } from './groupspec';
import { measure, trialCode, trialDivisor, trialError, trialFactor, trialQQ, trialXQ } from './grouptrials';
import { get, set } from '../scratch';

/** Cost of an error where another scale has none. */
const LOST: f64 = 1e9;

/** Error of a width of trial k. */
function errorOf(i: i32, k: i32): f64 {
  return get(i == 0 ? trialError(k) : i == 1 ? trialXQ(k) : trialQQ(k));
}

/** Code of the scale with the least Σ over widths of error ÷ least error. @param largest magnitude in the group at hand */
export function searchNestedScale(largest: f64): u32 {
  if (largest == 0) return scaleCode(0);
  for (let k = 0; k < startCount; k++) {
    const code = scaleCode(largest / start(k)), scale = scaleValue(code);
    set(trialCode(k), <f64>code);
    set(trialFactor(k), scale);
    set(trialDivisor(k), scale);
  }
  measure(0, startCount);
  let best = 0, leastCost: f64 = Infinity;
  for (let k = 0; k < startCount; k++) {
    let cost: f64 = 0;
    for (let i = 0; i < widthCount; i++) {
      const error = errorOf(i, k), least = leastError(i);
      cost += least > 0 ? error / least : error > 0 ? LOST : 1;
    }
    if (!(cost < leastCost)) continue;
    leastCost = cost;
    best = k;
  }
  return <u32>get(trialCode(best));
}

function leastError(i: i32): f64 {
  let least = errorOf(i, 0);
  for (let k = 1; k < startCount; k++) least = min<f64>(least, errorOf(i, k));
  return least;
}
