/** Search of the stored scale and integer zero point of a group: src/numeric/search/groups/zeropoint.ts. */
import { scaleCode, scaleValue } from './floats';
import { high, scaleCoarse, start, startCount } from './groupspec';
import {
  measure, trialCode, trialDivisor, trialError, trialFactor, trialHigh, trialLow, trialQQ, trialXQ,
} from './grouptrials';
import { round } from '../round';
import { get, set } from '../scratch';

const MOST_UNUSED: i32 = 4;
const REFINEMENTS: i32 = 2;
const LARGEST_F32: f64 = 3.4028234663852886e38;

let count: i32 = 0;
export let bestZero: i32 = 0;

function attempt(wanted: f64, lowest: f64): void {
  const code = scaleCode(wanted);
  tryCode(code, lowest);
  if (scaleCoarse) tryCode(code + 1, lowest);
}

function tryCode(code: u32, lowest: f64): void {
  const scale = scaleValue(code);
  if (!(scale > 0) || !(<f64><f32>(scale * high) <= LARGEST_F32)) return;
  const zero = min<f64>(max<f64>(round(-lowest / scale), 0), high);
  set(trialCode(count), <f64>code);
  set(trialFactor(count), scale);
  set(trialDivisor(count), scale);
  set(trialLow(count), -zero);
  set(trialHigh(count), high - zero);
  count++;
}

/** Code of the scale with the least error of the group at hand, which goes from `least` ≤ 0 to `most` ≥ 0; the zero point beside it. */
export function searchZeroPoint(least: f64, most: f64): u32 {
  let best = scaleCode(0);
  bestZero = 0;
  if (least == most) return best;
  count = 0;
  for (let i = 0; i < startCount; i++) {
    const share = start(i);
    attempt((share * most - share * least) / high, share * least);
  }
  for (let unused = 1; unused <= MOST_UNUSED && <f64>unused < high; unused++)
    attempt((most - least) / (high - <f64>unused), least);
  let error: f64 = Infinity, ideal: f64 = 0;
  let isBetter = true;
  for (let i = 0; isBetter; i++) {
    measure(0, count);
    isBetter = false;
    for (let k = 0; k < count; k++) {
      if (!(get(trialError(k)) < error)) continue;
      isBetter = true;
      error = get(trialError(k));
      best = <u32>get(trialCode(k));
      bestZero = <i32>-get(trialLow(k));
      ideal = get(trialXQ(k)) / get(trialQQ(k));
    }
    if (i == REFINEMENTS || !(ideal > 0)) break;
    count = 0;
    attempt(ideal, -<f64>bestZero * ideal);
  }
  return best;
}
