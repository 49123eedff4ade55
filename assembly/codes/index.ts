import { half } from '../packed/half';
import { scratch, shareStart } from '../share';
import { bytesLessZero, bytesToFewLevels, bytesToIntegers, bytesToLevels, shortsToIntegers } from './levels';
import { INTEGERS, Plan, TABLE, WINDOWS, WORDS, ZERO_POINT } from './plan';
import { prepareFields, unpackBytes, unpackFields } from './unpack';
import { windowsToLevels } from './windows';
import { sumWords } from './words';

/** Levels that a table of four vectors holds. */
const FEW: i32 = 16;
/** Codes that are unpacked at a time: whole bytes of any width, of bytes that hold 1 to 5 or 8 codes, and whole blocks. */
const CHUNK: i32 = 1280;

/*
 * Scratch memory of a thread:
 *   0     f32 [256]  levels, times the scale where they are no float32
 *   1024  what `prepareFields` makes
 *   2048  codes of a chunk
 */
// @ts-ignore: decorator
@inline function table(): usize { return scratch; }
// @ts-ignore: decorator
@inline function fields(): usize { return scratch + 1024; }
// @ts-ignore: decorator
@inline function codes(): usize { return scratch + 2048; }

/**
 * values[length] = groups of codes decoded, bit for bit as the formats decode them.
 * @param from first byte of the first group, `end` that after the last
 */
export function decodeCodes(at: usize, from: usize, end: usize, values: usize, length: i32, ith: i32, nth: i32): void {
  const plan = changetype<Plan>(at);
  const group = plan.group;
  if (plan.bits != 8 && plan.kind <= TABLE) prepareFields(fields(), plan.bits);
  if (plan.kind == TABLE && plan.exact != 0) fillTable(plan, 1);
  if (group >= length) {
    const first = shareStart(length, CHUNK, ith, nth);
    decodeGroup(plan, from, end, values, first, shareStart(length, CHUNK, ith + 1, nth));
    return;
  }
  const groups = (length + group - 1) / group;
  const last = shareStart(groups, 1, ith + 1, nth);
  for (let g = shareStart(groups, 1, ith, nth); g < last; g++) {
    const start = g * group;
    decodeGroup(plan, from + <usize>g * plan.stride, end, values + (<usize>start << 2), 0, min(group, length - start));
  }
}

/** Values first … last − 1 of the group at `base`, `values` being the place of its first. */
function decodeGroup(plan: Plan, base: usize, end: usize, values: usize, first: i32, last: i32): void {
  let scale = plan.outer;
  if (plan.scaleBytes != 0) scale *= readScale(plan, base + plan.scaleAt);
  if (plan.kind == TABLE && plan.exact == 0) {
    fillTable(plan, scale);
    scale = 1;
  }
  if (plan.kind == WORDS) {
    sumWords(base, plan.levels, plan.stages, plan.size, scale, values, first, last);
    return;
  }
  if (plan.kind == WINDOWS) {
    decodeWindows(plan, base + plan.codesAt, scale, values, first, last);
    return;
  }
  for (let i = first; i < last; i += CHUNK) {
    const count = min(CHUNK, last - i);
    const at = base + plan.codesAt;
    let bytes = codes();
    if (plan.perByte != 0) unpackBytes(plan.byteCodes, plan.perByte, at + i / plan.perByte, bytes, count);
    else if (plan.bits == 8) bytes = at + i;
    else unpackFields(fields(), plan.bits, at + <usize>((<u64>i * plan.bits) >> 3), end, bytes, count);
    apply(plan, bytes, base, scale, values + (<usize>i << 2), count);
  }
}

function decodeWindows(plan: Plan, from: usize, scale: f32, values: usize, first: i32, last: i32): void {
  const steps = plan.steps;
  const bitsOfFour = (steps & 255) + ((steps >> 8) & 255) + ((steps >> 16) & 255) + (steps >> 24);
  for (let i = first; i < last; i += plan.block) {
    const at = from + <usize>((<u64>i * bitsOfFour) >> 5);
    const count = min(plan.block, last - i);
    windowsToLevels(at, plan.bits, steps, plan.levels, scale, values + (<usize>i << 2), count, codes());
  }
}

// @ts-ignore: decorator
@inline function apply(plan: Plan, bytes: usize, base: usize, scale: f32, to: usize, count: i32): void {
  const adds = plan.adds != 0;
  if (plan.kind == INTEGERS) {
    if (plan.bits > 8) shortsToIntegers(bytes, plan.step, scale, to, count, adds);
    else bytesToIntegers(bytes, plan.bits, plan.step, scale, to, count, adds);
  } else if (plan.kind == ZERO_POINT) {
    bytesLessZero(bytes, load<u8>(base + plan.zeroAt), scale, to, count, adds);
  } else if (ASC_FEATURE_SIMD && plan.size <= FEW) {
    bytesToFewLevels(bytes, table(), scale, to, count, adds);
  } else {
    bytesToLevels(bytes, table(), scale, to, count, adds);
  }
}

/** Levels times `scale`, rounded once. */
function fillTable(plan: Plan, scale: f32): void {
  const size = plan.size;
  for (let i = 0; i < size; i++) {
    store<f32>(table() + (<usize>i << 2), <f32>(<f64>scale * load<f64>(plan.levels + (<usize>i << 3))));
  }
}

function readScale(plan: Plan, at: usize): f32 {
  if (plan.scaleBytes == 1) return load<f32>(plan.scales + (<usize>load<u8>(at) << 2));
  if (plan.scaleBytes == 2) return half(at);
  if (plan.scaleBytes == 3) return reinterpret<f32>(<u32>load<u16>(at) << 16);
  return load<f32>(at);
}
