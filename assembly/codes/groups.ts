import { eightIntegers, sixteenIntegers, sixteenLevels } from './levels';
import { FEW, INTEGERS, Plan, TABLE } from './plan';
import { readScale } from './scale';
import { eightFields, sixteenFields } from './unpack';

/** Ways from sixteen codes to values. */
const NARROW: i32 = 0;
const BYTES: i32 = 1;
const WIDE: i32 = 2;
const LEVELS: i32 = 3;

/**
 * Decodes groups of 16 n values whose codes go from fields to values within registers: small groups take their time outside
 * of them. Returns the first group that is left: none is done that is no such, or so near to the end that vectors would read
 * over it. SIMD only.
 * @param first, last groups of `length` values
 */
export function decodeInRegisters(
  plan: Plan, fields: usize, planes: usize, from: usize, end: usize, values: usize, length: i32, first: i32, last: i32,
): i32 {
  if ((plan.group & 15) != 0 || plan.perByte != 0 || plan.planes != 0) return first;
  if (plan.width != 0 || plan.columnScales != 0) return first;
  const whole = min(last, length / plan.group);
  if (plan.kind == TABLE && plan.exact != 0 && plan.size <= FEW && plan.bits < 8) {
    return decodeAll(LEVELS, plan, fields, planes, from, end, values, first, whole);
  }
  if (plan.kind != INTEGERS) return first;
  if (plan.bits < 8) return decodeAll(NARROW, plan, fields, planes, from, end, values, first, whole);
  if (plan.bits == 8) return decodeAll(BYTES, plan, fields, planes, from, end, values, first, whole);
  return decodeAll(WIDE, plan, fields, planes, from, end, values, first, whole);
}

// @ts-ignore: decorator
@inline function decodeAll(
  way: i32, plan: Plan, fields: usize, planes: usize, from: usize, end: usize, values: usize, first: i32, last: i32,
): i32 {
  const bits = plan.bits, groupBytes = <usize>(plan.group * bits) >> 3, valueBytes = <usize>plan.group << 2;
  const outer = plan.outer, steps = f32x4.splat(plan.step), hasScale = plan.scaleBytes != 0;
  let base = from + <usize>first * plan.stride, to = values + <usize>first * valueBytes;
  for (let g = first; g < last; g++, base += plan.stride) {
    let at = base + plan.codesAt;
    if (at + groupBytes + 16 > end) return g;
    const scales = f32x4.splat(hasScale ? outer * readScale(plan, base + plan.scaleAt) : outer);
    for (const next = to + valueBytes; to < next; to += 64, at += 2 * bits) sixteen(way, fields, planes, bits, at, steps, scales, to);
  }
  return max(first, last);
}

// @ts-ignore: decorator
@inline function sixteen(
  way: i32, fields: usize, planes: usize, bits: i32, at: usize, steps: v128, scales: v128, to: usize,
): void {
  if (way == NARROW) sixteenIntegers(sixteenFields(fields, bits, at), 16 - bits, steps, scales, to);
  else if (way == BYTES) sixteenIntegers(v128.load(at), 8, steps, scales, to);
  else if (way == LEVELS) sixteenLevels(planes, sixteenFields(fields, bits, at), scales, to);
  else {
    eightIntegers(eightFields(fields, bits, at), steps, scales, to);
    eightIntegers(eightFields(fields, bits, at + bits), steps, scales, to + 32);
  }
}
