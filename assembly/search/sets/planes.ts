/** Scales of sums of planes: src/numeric/search/sets/planes.ts. */
import { scratch, shareStart } from '../../share';
import { loadBlock } from '../block';
import { roundScale } from '../round';
import { blockW, blockX } from '../scratch';

const GROUP: i32 = 128;
const ROUNDS: i32 = 16;
const LEAST_GAIN: f64 = 1 - 1e-6;
const RIDGE: f64 = 1e-9;
/** First scale, as a multiple of the mean magnitude (negative: of the largest), and the ratio from plane to plane. */
const STARTS: StaticArray<f64> = [1, 0.5, 1.5, 1 / 3.0, -0.6, 0.5, 1.2, 0.75, 1.3, 0.25, 2, 0.5];
const GREEDY: i32 = 6;

/*
 * Scratch memory of a thread, behind the block:
 *   4096  f32 [128] values, 4608 i32 [128] their sums, 5120 f32 [9] levels of sums
 *   5184  f64 [9] Σ w of each sum, 5264 f64 [9] Σ w x
 *   5344  f64 [3] scales tried, 5376 f64 [3] the best, 5408 f64 [3, 4] normal equations
 */
// @ts-ignore: decorator
@inline function single(): usize { return scratch + 4096; }
// @ts-ignore: decorator
@inline function choice(): usize { return scratch + 4608; }
// @ts-ignore: decorator
@inline function level(sum: i32): usize { return scratch + 5120 + (<usize>sum << 2); }
// @ts-ignore: decorator
@inline function weightOf(sum: i32): usize { return scratch + 5184 + (<usize>sum << 3); }
// @ts-ignore: decorator
@inline function momentOf(sum: i32): usize { return scratch + 5264 + (<usize>sum << 3); }
// @ts-ignore: decorator
@inline function scaleAt(k: i32): usize { return scratch + 5344 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline function bestAt(k: i32): usize { return scratch + 5376 + (<usize>k << 3); }
// @ts-ignore: decorator
@inline function cell(r: i32, c: i32): usize { return scratch + 5408 + (<usize>(4 * r + c) << 3); }
// @ts-ignore: decorator
@inline function change(at: usize, by: f64): void { store<f64>(at, load<f64>(at) + by); }

let digits: i32 = 0;
let planes: i32 = 0;
let sums: i32 = 0;
let bestError: f64 = 0;

/** @param values [groups, 128] f32 @param importance likewise, or 0 @param scales [groups, planes] f64 out */
export function searchPlanes(
  values: usize, importance: usize, scales: usize, digitValues: i32, planeCount: i32, groups: i32, ith: i32, nth: i32,
): void {
  digits = digitValues;
  planes = planeCount;
  sums = 1;
  for (let k = 0; k < planes; k++) sums *= digits;
  const end = shareStart(groups, 1, ith + 1, nth);
  for (let g = shareStart(groups, 1, ith, nth); g < end; g++) {
    const from = <usize>(g * GROUP) << 2;
    loadBlock(values + from, importance == 0 ? 0 : importance + from, GROUP, blockX(), blockW());
    searchGroup();
    for (let k = 0; k < planes; k++) store<f64>(scales + (<usize>(g * planes + k) << 3), load<f64>(bestAt(k)));
  }
}

/** The best scales of the block. */
function searchGroup(): void {
  let moment: f64 = 0, weight: f64 = 0, largest: f64 = 0, smallest: f64 = Infinity;
  for (let i = 0; i < GROUP; i++) {
    const x = load<f64>(blockX(i)), magnitude = abs(x), w = load<f64>(blockW(i));
    store<f32>(single() + (<usize>i << 2), <f32>x);
    moment += w * magnitude;
    weight += w;
    largest = max(largest, magnitude);
    if (magnitude > 0) smallest = min(smallest, magnitude);
  }
  if (smallest == Infinity) smallest = 0;
  const mean = moment / weight;
  for (let k = 0; k < planes; k++) {
    store<f64>(scaleAt(k), 0);
    store<f64>(bestAt(k), 0);
  }
  bestError = assign();
  for (let s = 0; s < GREEDY; s++) {
    const factor = unchecked(STARTS[2 * s]), ratio = unchecked(STARTS[2 * s + 1]);
    let scale = factor < 0 ? -factor * largest : factor * mean;
    for (let k = 0; k < planes; k++, scale *= ratio) store<f64>(scaleAt(k), roundScale(scale));
    alternate();
  }
  if (planes != 2) return;
  const difference = largest - smallest;
  alternateFrom((largest + smallest) / 2, difference / 2);
  alternateFrom(smallest, difference);
  alternateFrom(difference, smallest);
}

function alternateFrom(first: f64, second: f64): void {
  store<f64>(scaleAt(0), roundScale(first));
  store<f64>(scaleAt(1), roundScale(second));
  alternate();
}

/** Sums and scales in turn. */
function alternate(): void {
  let last: f64 = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const error = assign();
    if (error < bestError) {
      bestError = error;
      for (let k = 0; k < planes; k++) store<f64>(bestAt(k), load<f64>(scaleAt(k)));
    }
    if (!(error < last * LEAST_GAIN)) return;
    last = error;
    solve();
  }
}

// @ts-ignore: decorator
@inline function digitOf(code: i32): i32 { return digits == 2 ? 2 * code - 1 : code - 1; }

function findLevels(): void {
  for (let sum = 0; sum < sums; sum++) {
    let value: f32 = 0;
    for (let k = 0, rest = sum; k < planes; k++, rest /= digits) {
      value = <f32>(<f64>value + load<f64>(scaleAt(k)) * <f64>digitOf(rest % digits));
    }
    store<f32>(level(sum), value);
  }
}

/** Gives every value its sum; returns the weighted error. */
function assign(): f64 {
  findLevels();
  choose();
  for (let sum = 0; sum < sums; sum++) {
    store<f64>(weightOf(sum), 0);
    store<f64>(momentOf(sum), 0);
  }
  let even: f64 = 0, odd: f64 = 0;
  for (let i = 0; i < GROUP; i += 2) {
    even += record(i);
    odd += record(i + 1);
  }
  return even + odd;
}

/** Adds a value to the sums over those that took the same level; returns its error. */
// @ts-ignore: decorator
@inline function record(i: i32): f64 {
  const sum = load<i32>(choice() + (<usize>i << 2)), x = load<f64>(blockX(i)), w = load<f64>(blockW(i));
  const difference = x - <f64>load<f32>(level(sum));
  change(weightOf(sum), w);
  change(momentOf(sum), w * x);
  return w * difference * difference;
}

/** The first of the levels nearest to each value. */
function choose(): void {
  if (ASC_FEATURE_SIMD) {
    for (let at: usize = 0; at < <usize>GROUP << 2; at += 32) {
      const x = v128.load(single() + at), y = v128.load(single() + at, 16);
      let least = f32x4.splat(Infinity), other = least;
      let best = i32x4.splat(0), second = best;
      for (let sum = 0; sum < sums; sum++) {
        const one = v128.load32_splat(level(sum)), index = i32x4.splat(sum);
        const a = f32x4.abs(f32x4.sub(one, x)), b = f32x4.abs(f32x4.sub(one, y));
        best = v128.bitselect(index, best, f32x4.lt(a, least));
        second = v128.bitselect(index, second, f32x4.lt(b, other));
        least = f32x4.pmin(least, a);
        other = f32x4.pmin(other, b);
      }
      v128.store(choice() + at, best);
      v128.store(choice() + at, second, 16);
    }
  } else {
    for (let i: usize = 0; i < <usize>GROUP << 2; i += 4) {
      const x = load<f32>(single() + i);
      let least: f32 = Infinity, best = 0;
      for (let sum = 0; sum < sums; sum++) {
        const distance = abs(load<f32>(level(sum)) - x);
        if (!(distance < least)) continue;
        least = distance;
        best = sum;
      }
      store<i32>(choice() + i, best);
    }
  }
}

/** Least squares for the sums that were chosen, by Gaussian elimination. */
function solve(): void {
  const n = planes;
  for (let r = 0; r < n; r++) for (let c = 0; c <= n; c++) store<f64>(cell(r, c), 0);
  for (let sum = 0; sum < sums; sum++) {
    for (let r = 0, mine = sum; r < n; r++, mine /= digits) {
      const digit = <f64>digitOf(mine % digits);
      for (let c = 0, other = sum; c < n; c++, other /= digits) {
        change(cell(r, c), load<f64>(weightOf(sum)) * digit * <f64>digitOf(other % digits));
      }
      change(cell(r, n), load<f64>(momentOf(sum)) * digit);
    }
  }
  for (let i = 0; i < n; i++) store<f64>(cell(i, i), load<f64>(cell(i, i)) * (1 + RIDGE));
  for (let i = 0; i < n; i++) {
    if (load<f64>(cell(i, i)) == 0) store<f64>(cell(i, i), 1);
    for (let r = i + 1; r < n; r++) {
      const factor = load<f64>(cell(r, i)) / load<f64>(cell(i, i));
      for (let c = i; c <= n; c++) store<f64>(cell(r, c), load<f64>(cell(r, c)) - factor * load<f64>(cell(i, c)));
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = load<f64>(cell(i, n));
    for (let c = i + 1; c < n; c++) sum -= load<f64>(cell(i, c)) * load<f64>(scaleAt(c));
    store<f64>(scaleAt(i), sum / load<f64>(cell(i, i)));
  }
  for (let k = 0; k < n; k++) store<f64>(scaleAt(k), roundScale(abs(load<f64>(scaleAt(k)))));
}
