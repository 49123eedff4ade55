/** Search of the stored scale of any element: src/numeric/search/groups/level.ts. */
import { scaleCode, scaleValue } from './floats';
import { largestLevel, outer, rounding, scaleCoarse, start, startCount, step, TO_EVEN } from './groupspec';
import {
  measure, TRIALS, trialCode, trialDivisor, trialError, trialFactor, trialQQ, trialXQ, triedCodes,
} from './grouptrials';
import { get, set } from '../scratch';

const REFINEMENTS: i32 = 3;
const LARGEST_F32: f64 = 3.4028234663852886e38;

/** Trials there are, of which the first stands for the code of 0. */
let count: i32 = 0;

export function storedScale(code: u32): f64 {
  return <f64><f32>(outer * scaleValue(code));
}

/** Whether a code was tried; it is now. Only coarse scales are asked: neighbouring starts meet in the same few codes. */
function wasTried(code: u32): bool {
  const at = triedCodes() + (code >> 3);
  const byte = load<u8>(at), bit: u8 = 1 << <u8>(code & 7);
  store<u8>(at, byte | bit);
  return (byte & bit) != 0;
}

function addTrial(code: u32, scale: f64): void {
  set(trialCode(count), <f64>code);
  // levels that are multiples of a step are searched as integers: a power of two changes no rounding
  const factor = rounding == TO_EVEN ? scale * step : scale;
  set(trialFactor(count), factor);
  set(trialDivisor(count), scale == 0 ? Infinity : factor);
  count++;
}

function tryCode(code: u32): void {
  if (scaleCoarse && wasTried(code)) return;
  const scale = storedScale(code);
  if (!(scale > 0) || scale * largestLevel > LARGEST_F32) return;
  addTrial(code, scale);
}

function tryScale(scale: f64): void {
  const code = scaleCode(scale / outer);
  tryCode(code);
  if (!scaleCoarse) return;
  tryCode(code + 1);
  if (code > 0) tryCode(code - 1);
}

/** Code of the scale with the least error of the group at hand. @param largest magnitude in it */
export function searchScaleCode(largest: f64): u32 {
  let best = scaleCode(0);
  if (largest == 0) return best;
  if (scaleCoarse) memory.fill(triedCodes(), 0, 32);
  count = 0;
  if (scaleCoarse) wasTried(best);
  addTrial(best, storedScale(best));
  for (let i = 0; i < startCount; i++) tryScale(largest / start(i));
  measure(0, count);
  let least = get(trialError(0)), ideal: f64 = 0;
  for (let round = 0, from = 1; round <= REFINEMENTS; round++) {
    const before = best;
    for (let k = from; k < count; k++) {
      if (!(get(trialError(k)) < least)) continue;
      least = get(trialError(k));
      best = <u32>get(trialCode(k));
      ideal = get(trialXQ(k)) / get(trialQQ(k));
      if (rounding == TO_EVEN) ideal /= step;
    }
    if (!(ideal > 0) || (round > 0 && best == before) || round == REFINEMENTS) break;
    // what was tried may be overwritten: only the sums of what comes are of interest
    from = count = count < TRIALS - 8 ? (count + 3) & ~3 : 0;
    tryScale(ideal);
    if (!scaleCoarse && count > from && <u32>get(trialCode(from)) == best) break;
    measure(from, count);
  }
  return best;
}
