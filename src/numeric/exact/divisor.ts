import { LARGEST_F16, roundScale } from '../../core/float16.ts';

/*
 * Values that lie on a grid already: float32 values are multiples of powers of two, so their common divisor is a step that
 * float64 finds without rounding. That of ordinary weights falls below what any grid needs within a few values.
 */

/**
 * The largest step of which `n` values from `from` on are whole multiples.
 * @param most the largest multiple that is of use
 * @returns 0 where there is no such step, a value is not finite, or all are 0
 */
export function commonStep(values: Float32Array, from: number, n: number, most: number): number {
  let step = 0;
  let largest = 0;
  for (let i = from; i < from + n; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude === 0) continue;
    if (magnitude > largest) largest = magnitude;
    // Euclid's algorithm: what is not below `least` keeps every quotient exact
    const least = largest / most;
    let rest = step;
    step = magnitude;
    while (rest !== 0) {
      if (!(rest >= least)) return 0; // NaN, too
      const next = step - rest * Math.floor(step / rest);
      step = rest;
      rest = next;
    }
  }
  return step < Infinity ? step : 0;
}

export function largestMagnitude(values: Float32Array, from: number, n: number): number {
  let largest = 0;
  for (let i = from; i < from + n; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

const MOST_HALVES = 32;

/** Tries every binary16 of which `step` is a multiple, at most `most` times, the largest first. */
export function someHalf(step: number, most: number, attempt: (half: number) => boolean): boolean {
  for (let k = 1; k <= most; k++) {
    const half = step / k;
    if (half === roundScale(half) && half * k === step && attempt(half)) return true;
  }
  return false;
}

/** Binary16 numbers between two numbers, ascending; at most MOST_HALVES of them. */
export function halvesBetween(low: number, high: number): number[] {
  const halves: number[] = [];
  if (low > LARGEST_F16) return halves;
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const spacing = Math.max(2 ** (Math.floor(Math.log2(largest)) - 10), 2 ** -24);
  for (let half = roundScale(low); half <= high && halves.length < MOST_HALVES; half = roundScale(half + spacing)) {
    if (half >= low) halves.push(half);
    if (half === LARGEST_F16) break;
  }
  return halves;
}
