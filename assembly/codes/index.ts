import { scratch, shareStart } from '../share';
import { bfloatSums, doubleSigned } from './floats';
import { decodeInRegisters } from './groups';
import {
  bytesLessZero, bytesToFewLevels, bytesToIntegers, bytesToLevels, prepareLevels, shortsToIntegers,
} from './levels';
import { scaleByColumns, scatter } from './places';
import { BFLOATS, DOUBLE_SIGNED, FEW, INTEGERS, Plan, TABLE, WINDOWS, WORDS, ZERO_POINT } from './plan';
import { readScale } from './scale';
import { addDigits, FIELDS_BYTES, joinFields, prepareFields, unpackBitPlanes, unpackBytes, unpackFields } from './unpack';
import { prepareWindows, windowsToLevels } from './windows';
import { sumWords } from './words';

/** Codes that are unpacked at a time: whole bytes of any width, of fields that hold 1 to 5 or 8 codes, and whole blocks. */
const CHUNK: i32 = 3840;

/*
 * Scratch memory of a thread:
 *   0     f32 [256]  levels, times the scale where they are no float32; or sums of planes
 *   64    what `prepareLevels` makes of 16 of them
 *   1024  what `prepareFields` or `prepareWindows` makes
 *   2048  codes of a chunk, 1 or 2 bytes each
 *   10240 those of a further plane, or lower bits of fields; 14336 upper bits
 *   18432 f32 [CHUNK]  values before they get their places
 */
// @ts-ignore: decorator
@inline function table(): usize { return scratch; }
// @ts-ignore: decorator
@inline function levelPlanes(): usize { return scratch + 64; }
// @ts-ignore: decorator
@inline function fields(): usize { return scratch + 1024; }
// @ts-ignore: decorator
@inline function codes(): usize { return scratch + 2048; }
// @ts-ignore: decorator
@inline function others(): usize { return scratch + 10240; }
// @ts-ignore: decorator
@inline function uppers(): usize { return scratch + 14336; }
// @ts-ignore: decorator
@inline function loose(): usize { return scratch + 18432; }

/**
 * values[length] = groups of codes decoded, bit for bit as the formats decode them.
 * @param from first byte of the first group, `end` that after the last
 */
export function decodeCodes(at: usize, from: usize, end: usize, values: usize, length: i32, ith: i32, nth: i32): void {
  const plan = changetype<Plan>(at);
  const group = plan.group;
  if (plan.bits != 8 && plan.kind <= TABLE) prepareFields(fields(), plan.bits);
  if (plan.upperBits != 0) prepareFields(fields() + FIELDS_BYTES, plan.upperBits);
  if (plan.kind == WINDOWS) prepareWindows(fields(), plan.bits, plan.steps);
  if (plan.kind == TABLE && plan.exact != 0 && plan.planes == 0) fillTable(plan, 1);
  if (group >= length && plan.width == 0) {
    const first = shareStart(length, CHUNK, ith, nth);
    decodeGroup(plan, from, end, values, first, shareStart(length, CHUNK, ith + 1, nth));
    return;
  }
  const width = plan.width == 0 ? group : plan.width;
  const groups = (length + width - 1) / width;
  const last = shareStart(groups, 1, ith + 1, nth);
  let g = shareStart(groups, 1, ith, nth);
  if (ASC_FEATURE_SIMD) g = decodeInRegisters(plan, fields(), levelPlanes(), from, end, values, length, g, last);
  for (; g < last; g++) {
    const start = g * width;
    decodeGroup(plan, from + <usize>g * plan.stride, end, values + (<usize>start << 2), 0, min(group, length - start));
  }
}

/** Values first … last − 1 of the group at `base`, `values` being the place of its first. */
function decodeGroup(plan: Plan, base: usize, end: usize, values: usize, first: i32, last: i32): void {
  if (plan.planes != 0) {
    decodePlanes(plan, base, end, values, first, last);
    return;
  }
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
    decodeWindows(plan, base + plan.codesAt, end, scale, values, first, last);
    return;
  }
  if (plan.kind == BFLOATS) {
    const size = plan.components;
    bfloatSums(base + plan.codesAt + <usize>(2 * first) * size, size, values + (<usize>first << 2), last - first);
    return;
  }
  if (plan.kind == DOUBLE_SIGNED) {
    doubleSigned(base + plan.codesAt + 2 * first, scale, values + (<usize>first << 2), last - first);
    return;
  }
  for (let i = first; i < last; i += CHUNK) {
    const count = min(CHUNK, last - i);
    const inPlace = plan.bits == 8 && plan.perByte == 0;
    if (plan.upperBits != 0) unpackParted(plan, base, end, i, count);
    else if (!inPlace) unpack(plan, base + plan.codesAt, end, codes(), i, count);
    const bytes = inPlace ? base + plan.codesAt + i : codes();
    const to = values + (<usize>i << 2);
    if (plan.width != 0) {
      apply(plan, bytes, base, scale, loose(), count);
      scatter(loose(), plan.columns + (<usize>i << 2), values, count);
    } else if (plan.columnScales != 0) {
      apply(plan, bytes, base, 1, to, count);
      scaleByColumns(to, scale, plan.columnScales + (<usize>i << 2), count);
    } else {
      apply(plan, bytes, base, scale, to, count);
    }
  }
}

/** Codes i and up of fields whose upper bits stand apart. */
function unpackParted(plan: Plan, base: usize, end: usize, i: i32, count: i32): void {
  const first = i / plan.perByte;
  const some = (count + plan.perByte - 1) / plan.perByte;
  const lower = base + plan.codesAt + ((first * plan.bits) >> 3);
  const upper = base + plan.upperAt + ((first * plan.upperBits) >> 3);
  unpackFields(fields(), plan.bits, lower, end, others(), some);
  unpackFields(fields() + FIELDS_BYTES, plan.upperBits, upper, end, uppers(), some);
  joinFields(others(), uppers(), plan.bits, some);
  unpackBytes(plan.byteCodes, plan.perByte, others(), codes(), count);
}

/** Codes i and up, one a byte, or two where they have more than 8 bits. */
// @ts-ignore: decorator
@inline function unpack(plan: Plan, at: usize, end: usize, to: usize, i: i32, count: i32): void {
  if (plan.perByte != 0) unpackBytes(plan.byteCodes, plan.perByte, at + i / plan.perByte, to, count);
  else unpackFields(fields(), plan.bits, at + <usize>((<u64>i * plan.bits) >> 3), end, to, count);
}

/** The codes of a value in all planes are the digits of one number, by which its sum is looked up. */
function decodePlanes(plan: Plan, base: usize, end: usize, values: usize, first: i32, last: i32): void {
  fillSums(plan, base + plan.scaleAt);
  for (let i = first; i < last; i += CHUNK) {
    const count = min(CHUNK, last - i);
    const at = base + plan.codesAt;
    if (ASC_FEATURE_SIMD && plan.bits == 1) unpackBitPlanes(at + (i >> 3), plan.planeBytes, plan.planes, codes(), count);
    else unpackPlanes(plan, at, end, i, count);
    apply(plan, codes(), base, 1, values + (<usize>i << 2), count);
  }
}

function unpackPlanes(plan: Plan, at: usize, end: usize, i: i32, count: i32): void {
  unpack(plan, at, end, codes(), i, count);
  for (let k = 1, factor = plan.size; k < plan.planes; k++, factor *= plan.size) {
    at += plan.planeBytes;
    unpack(plan, at, end, others(), i, count);
    addDigits(codes(), others(), factor, count);
  }
}

/** Sums of all digits, plane 0 having the lowest. */
function fillSums(plan: Plan, scales: usize): void {
  const bytes: usize = plan.scaleBytes == 3 ? 2 : plan.scaleBytes;
  store<f32>(table(), 0);
  for (let k = 0, count = 1; k < plan.planes; k++, count *= plan.size) {
    const scale = plan.outer * readScale(plan, scales + <usize>k * bytes);
    for (let digit = plan.size - 1; digit >= 0; digit--) {
      const product = scale * <f32>load<f64>(plan.levels + (<usize>digit << 3));
      const to = table() + (<usize>(digit * count) << 2);
      for (let i: usize = 0; i < <usize>count << 2; i += 4) store<f32>(to + i, load<f32>(table() + i) + product);
    }
  }
  if (ASC_FEATURE_SIMD) prepareLevels(table(), levelPlanes());
}

function decodeWindows(plan: Plan, from: usize, end: usize, scale: f32, values: usize, first: i32, last: i32): void {
  const steps = plan.steps;
  const bitsOfFour = (steps & 255) + ((steps >> 8) & 255) + ((steps >> 16) & 255) + (steps >> 24);
  for (let i = first; i < last; i += plan.block) {
    const at = from + <usize>((<u64>i * bitsOfFour) >> 5);
    const count = min(plan.block, last - i);
    const to = values + (<usize>i << 2);
    windowsToLevels(fields(), at, end, plan.bits, steps, plan.levels, scale, to, count, codes());
  }
}

// @ts-ignore: decorator
@inline function apply(plan: Plan, bytes: usize, base: usize, scale: f32, to: usize, count: i32): void {
  if (plan.kind == INTEGERS) {
    if (plan.bits > 8) shortsToIntegers(bytes, plan.step, scale, to, count);
    else bytesToIntegers(bytes, plan.bits, plan.step, scale, to, count);
  } else if (plan.kind == ZERO_POINT) {
    bytesLessZero(bytes, load<u8>(base + plan.zeroAt), scale, to, count);
  } else if (ASC_FEATURE_SIMD && plan.size <= FEW) {
    bytesToFewLevels(bytes, table(), levelPlanes(), scale, to, count);
  } else {
    bytesToLevels(bytes, table(), scale, to, count);
  }
}

/** Levels times `scale`, rounded once. */
function fillTable(plan: Plan, scale: f32): void {
  const size = plan.size;
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    const scales = f64x2.splat(<f64>scale);
    for (; i + 4 <= size; i += 4) {
      const from = plan.levels + (<usize>i << 3);
      const low = f32x4.demote_f64x2_zero(f64x2.mul(scales, v128.load(from)));
      const high = f32x4.demote_f64x2_zero(f64x2.mul(scales, v128.load(from, 16)));
      v128.store(table() + (<usize>i << 2), v128.shuffle<i64>(low, high, 0, 2));
    }
  }
  for (; i < size; i++) {
    store<f32>(table() + (<usize>i << 2), <f32>(<f64>scale * load<f64>(plan.levels + (<usize>i << 3))));
  }
  if (ASC_FEATURE_SIMD && size <= FEW) prepareLevels(table(), levelPlanes());
}
