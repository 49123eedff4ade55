/** `trials.ts` for machines without SIMD. Same names, same meanings, same bits. */
import { levelsAreIntegers, levelsHigh, levelsLow, levelsTable } from './spec';
import { trialError, trialMinimum, trialQ, trialQQ, trialScale, trialXQ } from '../scratch';

// @ts-ignore: decorator
@inline function nearest(place: f64): f64 {
  if (levelsAreIntegers) {
    const low = 128 + levelsLow, high = 128 + levelsHigh;
    return floor<f64>(place > low ? (place < high ? place : high) : low) - 128;
  }
  const entry: usize = place > 0 ? (place < 511 ? <usize>place : 511) : 0;
  return load<f64>(levelsTable + (entry << 3));
}

export function correlate(x: usize, w: usize, n: i32, from: i32, count: i32): void {
  const middle = levelsAreIntegers ? 128.5 : 256.0, perUnit = levelsAreIntegers ? 1.0 : 2.0;
  for (let k = from; k < from + count; k++) {
    const steps = perUnit / load<f64>(trialScale(k));
    const zero = middle - load<f64>(trialMinimum(k)) * steps;
    let q1: f64 = 0, q2: f64 = 0, xq: f64 = 0;
    for (let i: usize = 0; i < <usize>n << 3; i += 8) {
      const value = load<f64>(x + i);
      const q = nearest(value * steps + zero);
      const wq = load<f64>(w + i) * q;
      q1 += wq;
      q2 += wq * q;
      xq += wq * value;
    }
    store<f64>(trialQ(k), q1);
    store<f64>(trialQQ(k), q2);
    store<f64>(trialXQ(k), xq);
    store<f64>(trialError(k), q2 > 0 ? -((xq * xq) / q2) : Infinity);
  }
}
