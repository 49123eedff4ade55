/** Groups of values under one scale each: `encodeGroups` of src/numeric/search/groups/grouped.ts. */
import { shareStart } from '../../share';
import { codeOfMagnitude, roundMagnitude, scaleValue } from './floats';
import {
  cellLeast, cellMost, cells, cellShift, codeBits, floatLargest, floatNegative, floatNegativeZero, floatNormal,
  floatUnits, high, kind, LEVELS, low, NESTED, readGroupSpec, rounding, step, TO_EVEN, TO_FLOAT, TO_TABLE, ZERO_POINT,
} from './groupspec';
import { takeGroup } from './grouptrials';
import { searchScaleCode, storedScale } from './levels';
import { searchNestedScale } from './nested';
import { round } from '../round';
import { groupHigh, groupLow, surveyGroup } from './survey';
import { bestZero, searchZeroPoint } from './zeropoint';

/**
 * Scales of `count` groups and the codes under them.
 * @param table cells of levels, or 0 @param importance [count, group] float32 or 0
 * @param scale [count] uint32 out @param zero [count] uint8 out @param codes [count, group] uint16 out
 */
export function encodeGroups(
  spec: usize, table: usize, values: usize, importance: usize, scale: usize, zero: usize, codes: usize,
  group: i32, count: i32, ith: i32, nth: i32,
): void {
  readGroupSpec(spec, table);
  const end = shareStart(count, 1, ith + 1, nth);
  for (let g = shareStart(count, 1, ith, nth); g < end; g++) {
    const from = <usize>g * <usize>group;
    const x = values + (from << 2), w: usize = importance == 0 ? 0 : importance + (from << 2);
    surveyGroup(x, w, group);
    takeGroup(x, w, group);
    const code = searchGroup(), zeroPoint = kind == ZERO_POINT ? bestZero : 0;
    store<u32>(scale + (<usize>g << 2), code);
    store<u8>(zero + <usize>g, <u8>zeroPoint);
    writeCodes(x, codes + (from << 1), group, kind == LEVELS ? storedScale(code) : scaleValue(code), <f64>zeroPoint);
  }
}

function searchGroup(): u32 {
  if (kind == ZERO_POINT) return searchZeroPoint(groupLow, groupHigh);
  const largest = max<f64>(groupHigh, -groupLow);
  return kind == NESTED ? searchNestedScale(largest) : searchScaleCode(largest);
}

/** Codes of the levels nearest to n values under a scale: NaN as 0, ±Inf the outermost; a scale of 0 leaves signs. */
function writeCodes(x: usize, codes: usize, n: i32, scale: f64, zero: f64): void {
  const mask: u32 = (1 << codeBits) - 1;
  const least = kind == ZERO_POINT ? -zero : low, most = kind == ZERO_POINT ? high - zero : high;
  for (const end = x + (<usize>n << 2); x < end; x += 4, codes += 2) {
    const value = <f64>load<f32>(x);
    const quotient = scale == 0 ? 0 * value : value / scale;
    const place: f64 = quotient == quotient ? quotient : 0;
    if (rounding == TO_TABLE) store<u16>(codes, tableCode(place));
    else if (rounding == TO_FLOAT) store<u16>(codes, floatCode(place));
    else if (rounding == TO_EVEN) {
      store<u16>(codes, <u16>(<u32><i32>nearest<f64>(min<f64>(max<f64>(place / step, low), high)) & mask));
    } else store<u16>(codes, <u16>(<u32><i32>(round(min<f64>(max<f64>(place, least), most)) + zero) & mask));
  }
}

// @ts-ignore: decorator
@inline function floatCode(place: f64): u16 {
  const magnitude = roundMagnitude(min<f64>(abs<f64>(place), floatLargest), floatUnits, floatNormal);
  const code = codeOfMagnitude(magnitude, floatUnits, floatNormal);
  const isNegative = reinterpret<u64>(place) >> 63 != 0 && (code != 0 || floatNegativeZero);
  return <u16>(isNegative ? code | floatNegative : code);
}

// @ts-ignore: decorator
@inline function tableCode(place: f64): u16 {
  const magnitude = min<f64>(cellMost, max<f64>(cellLeast, abs<f64>(place)));
  const cell = ((reinterpret<u64>(magnitude) >> cellShift) << 6) + ((reinterpret<u64>(place) >> 63) << 5);
  const at = cells + <usize>cell;
  return place > load<f64>(at) ? load<u16>(at, 26) : load<u16>(at, 24);
}
