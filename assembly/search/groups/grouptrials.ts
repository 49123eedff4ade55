/**
 * Scales of a group tried together, one in each lane of several vectors: every trial adds up its values in their order, as
 * `measure` does in src/numeric/search/groups/level.ts and zeropoint.ts and `errorAt` in nested.ts. A group may be longer than what
 * is held of it: then it is loaded part by part, once for all trials at hand.
 */
import { scratch } from '../../share';
import {
  P, PAIR, pabs, padd, pceil, pclamp, pdiv, pfloor, plevel, pload, ploadSplat, pmaximum, pmul, pnearest, ppower,
  pselectGreater, psigned, psingle, psplat, pstore, psub,
} from './doubles';
import {
  cellLeast, cellMost, cells, cellShift, floatLargest, floatNormal, floatUnits, high, low, narrowing, rounding,
  TO_EVEN, TO_FLOAT, TO_NESTED, TO_TABLE, UPWARDS, width,
} from './groupspec';
import { groupFloor, loadPart } from './survey';

/** Values held at a time, even. */
const PART: i32 = 1024;
/** Most trials. */
export const TRIALS: i32 = 64;

// @ts-ignore: decorator
@inline function partX(): usize { return scratch; }
// @ts-ignore: decorator
@inline function partW(): usize { return scratch + 8 * PART; }
// @ts-ignore: decorator
@inline function list(i: usize, k: i32): usize { return scratch + 16 * PART + i * 8 * TRIALS + (<usize>k << 3); }
/** What x is divided by to find its level, and what the level is multiplied by. */
// @ts-ignore: decorator
@inline export function trialDivisor(k: i32): usize { return list(0, k); }
// @ts-ignore: decorator
@inline export function trialFactor(k: i32): usize { return list(1, k); }
/** Outermost levels, where they depend on the trial. */
// @ts-ignore: decorator
@inline export function trialLow(k: i32): usize { return list(2, k); }
// @ts-ignore: decorator
@inline export function trialHigh(k: i32): usize { return list(3, k); }
/** Σ w (x − x̂)², Σ w x level, Σ w level²; or the errors of three widths. */
// @ts-ignore: decorator
@inline export function trialError(k: i32): usize { return list(4, k); }
// @ts-ignore: decorator
@inline export function trialXQ(k: i32): usize { return list(5, k); }
// @ts-ignore: decorator
@inline export function trialQQ(k: i32): usize { return list(6, k); }
/** Code of the stored scale, as a number. */
// @ts-ignore: decorator
@inline export function trialCode(k: i32): usize { return list(7, k); }
/** A bit for every code of a byte: whether it was tried. [32] bytes */
// @ts-ignore: decorator
@inline export function triedCodes(): usize { return list(8, 0); }

let groupValues: usize = 0;
let groupImportance: usize = 0;
let groupLength: i32 = 0;
/** Whether all of the group is held. */
let isHeld: bool = false;

/** The group that is tried next. */
export function takeGroup(values: usize, importance: usize, n: i32): void {
  groupValues = values;
  groupImportance = importance;
  groupLength = n;
  isHeld = n <= PART;
  if (isHeld) loadPart(values, importance, n, groupFloor, partX(), partW());
}

// @ts-ignore: decorator
@inline function levelOf(to: i32, place: P, least: P, most: P): P {
  if (to == TO_EVEN) return pnearest(pclamp(place, least, most));
  if (to == UPWARDS || to == TO_NESTED) {
    const inside = pclamp(place, least, most), up = pceil(inside);
    return psub(up, pselectGreater(psub(up, psplat(0.5)), inside, psplat(1), psplat(0)));
  }
  if (to == TO_FLOAT) {
    const magnitude = pclamp(pabs(place), psplat(0), most);
    const carrier = pmul(pmaximum(ppower(magnitude), least), psplat(floatUnits));
    return psigned(psub(padd(magnitude, carrier), carrier), place);
  }
  return plevel(cells, cellShift, place, pclamp(pabs(place), least, most));
}

/** Code of fewer bits, as a multiple of `unit`, that the code q of 8 bits holds: `narrowings`. */
// @ts-ignore: decorator
@inline function narrowed(q: P, bits: i32): P {
  const unit = <f64>(1 << (8 - bits)), half = <f64>(1 << (bits - 1));
  if (narrowing == 0) {
    const upper = pfloor(padd(pmul(padd(q, psplat(128)), psplat(1 / unit)), psplat(0.5)));
    return psub(pmul(pclamp(upper, psplat(0), psplat(2 * half - 1)), psplat(unit)), psplat(128));
  }
  return pmul(pclamp(pnearest(pmul(q, psplat(1 / unit))), psplat(-half), psplat(half - 1)), psplat(unit));
}

// @ts-ignore: decorator
@inline function leastOf(to: i32, k: i32): P {
  if (to == UPWARDS) return pload(trialLow(k));
  return psplat(to == TO_FLOAT ? floatNormal : to == TO_TABLE ? cellLeast : low);
}
// @ts-ignore: decorator
@inline function mostOf(to: i32, k: i32): P {
  if (to == UPWARDS) return pload(trialHigh(k));
  return psplat(to == TO_FLOAT ? floatLargest : to == TO_TABLE ? cellMost : high);
}

/** n values of the trials of two vectors from k on. */
// @ts-ignore: decorator
@inline function addTwo(to: i32, n: i32, k: i32): void {
  const m = k + PAIR;
  const divisor = pload(trialDivisor(k)), otherDivisor = pload(trialDivisor(m));
  const factor = pload(trialFactor(k)), otherFactor = pload(trialFactor(m));
  const least = leastOf(to, k), most = mostOf(to, k), otherLeast = leastOf(to, m), otherMost = mostOf(to, m);
  let error = pload(trialError(k)), xq = pload(trialXQ(k)), qq = pload(trialQQ(k));
  let otherError = pload(trialError(m)), otherXQ = pload(trialXQ(m)), otherQQ = pload(trialQQ(m));
  let x = partX(), w = partW();
  for (const end = x + (<usize>n << 3); x < end; x += 8, w += 8) {
    const value = ploadSplat(x), weight = ploadSplat(w), weighted = pmul(weight, value);
    const q = levelOf(to, pdiv(value, divisor), least, most);
    const lost = psub(value, psingle(pmul(factor, q)));
    error = padd(error, pmul(pmul(weight, lost), lost));
    xq = padd(xq, pmul(weighted, q));
    qq = padd(qq, pmul(pmul(weight, q), q));
    const r = levelOf(to, pdiv(value, otherDivisor), otherLeast, otherMost);
    const otherLost = psub(value, psingle(pmul(otherFactor, r)));
    otherError = padd(otherError, pmul(pmul(weight, otherLost), otherLost));
    otherXQ = padd(otherXQ, pmul(weighted, r));
    otherQQ = padd(otherQQ, pmul(pmul(weight, r), r));
  }
  keep(k, error, xq, qq);
  keep(m, otherError, otherXQ, otherQQ);
}

/** n values of the trials of one vector. */
// @ts-ignore: decorator
@inline function addOne(to: i32, n: i32, k: i32): void {
  const divisor = pload(trialDivisor(k)), factor = pload(trialFactor(k));
  const least = leastOf(to, k), most = mostOf(to, k);
  let error = pload(trialError(k)), xq = pload(trialXQ(k)), qq = pload(trialQQ(k));
  let x = partX(), w = partW();
  for (const end = x + (<usize>n << 3); x < end; x += 8, w += 8) {
    const value = ploadSplat(x), weight = ploadSplat(w);
    const q = levelOf(to, pdiv(value, divisor), least, most);
    const lost = psub(value, psingle(pmul(factor, q)));
    error = padd(error, pmul(pmul(weight, lost), lost));
    xq = padd(xq, pmul(pmul(weight, value), q));
    qq = padd(qq, pmul(pmul(weight, q), q));
  }
  keep(k, error, xq, qq);
}

/** n values at three widths of the trials of one vector. */
function addNested(n: i32, k: i32): void {
  const divisor = pload(trialDivisor(k)), factor = pload(trialFactor(k));
  const least = psplat(low), most = psplat(high), one = width(0), two = width(1), three = width(2);
  let first = pload(trialError(k)), second = pload(trialXQ(k)), third = pload(trialQQ(k));
  let x = partX(), w = partW();
  for (const end = x + (<usize>n << 3); x < end; x += 8, w += 8) {
    const value = ploadSplat(x), weight = ploadSplat(w);
    const q = levelOf(TO_NESTED, pdiv(value, divisor), least, most);
    first = padd(first, lossOf(value, weight, pmul(factor, narrowed(q, one))));
    second = padd(second, lossOf(value, weight, pmul(factor, narrowed(q, two))));
    third = padd(third, lossOf(value, weight, pmul(factor, narrowed(q, three))));
  }
  keep(k, first, second, third);
}

// @ts-ignore: decorator
@inline function lossOf(value: P, weight: P, decoded: P): P {
  const lost = psub(value, decoded);
  return pmul(weight, pmul(lost, lost));
}

// @ts-ignore: decorator
@inline function keep(k: i32, error: P, xq: P, qq: P): void {
  pstore(trialError(k), error);
  pstore(trialXQ(k), xq);
  pstore(trialQQ(k), qq);
}

// @ts-ignore: decorator
@inline function addAll(to: i32, n: i32, k: i32, end: i32): void {
  for (; k + PAIR < end; k += 2 * PAIR) addTwo(to, n, k);
  if (k < end) addOne(to, n, k);
}

function addPart(n: i32, from: i32, end: i32): void {
  if (rounding == TO_EVEN) addAll(TO_EVEN, n, from, end);
  else if (rounding == UPWARDS) addAll(UPWARDS, n, from, end);
  else if (rounding == TO_FLOAT) addAll(TO_FLOAT, n, from, end);
  else if (rounding == TO_TABLE) addAll(TO_TABLE, n, from, end);
  else for (let k = from; k < end; k += PAIR) addNested(n, k);
}

/** Sums of trials [from, end) over the group. What stands behind them in their last vectors is tried with them. */
export function measure(from: i32, end: i32): void {
  const last = min(end + 2 * PAIR, TRIALS);
  for (let i: usize = 4; i < 7; i++) memory.fill(list(i, from), 0, <usize>(last - from) << 3);
  if (isHeld) {
    addPart(groupLength, from, end);
    return;
  }
  for (let at = 0; at < groupLength; at += PART) {
    const n = min(PART, groupLength - at), place = <usize>at << 2;
    loadPart(groupValues + place, groupImportance == 0 ? 0 : groupImportance + place, n, groupFloor, partX(), partW());
    addPart(n, from, end);
  }
}
