/** Shortest paths through trellises: src/numeric/search/sets/paths.ts. */
import { shareStart } from '../../share';

/** Values of a circular path. */
const BLOCK: i32 = 256;
/** States whose costs are found together. */
const TOGETHER: i32 = 16;

let levels: usize = 0;
let bits: i32 = 0;
let steps: u32 = 0;
/** Least costs before each value: [BLOCK + 1] rows of `rowBytes`. */
let least: usize = 0;
let rowBytes: usize = 0;

/**
 * States of `blocks` blocks of values; a row has as many as its columns need.
 * @param table [2^stateBits] f32 @param x, w f32 @param states u16 out
 * @param room roomBytes for every thread: BLOCK + 1 rows of the least costs of all rests
 * @param ownBits a byte for each of four values
 */
export function nearestPaths(
  table: usize, x: usize, w: usize, states: usize, room: usize, roomBytes: usize, stateBits: i32, ownBits: u32,
  columns: i32, blocks: i32, ith: i32, nth: i32,
): void {
  levels = table;
  bits = stateBits;
  steps = ownBits;
  least = room + <usize>ith * roomBytes;
  rowBytes = roomBytes / <usize>(BLOCK + 1);
  const perRow = (columns + BLOCK - 1) / BLOCK;
  const end = shareStart(blocks, 1, ith + 1, nth);
  for (let b = shareStart(blocks, 1, ith, nth); b < end; b++) {
    const column = (b % perRow) * BLOCK;
    const from = <usize>((b / perRow) * columns + column);
    circle(x + (from << 2), w + (from << 2), states + (from << 1), min(BLOCK, columns - column));
  }
}

function circle(x: usize, w: usize, states: usize, count: i32): void {
  const half = count >> 1;
  fill(row(0), rests(0), 0);
  extend(x, w, half, count, count);
  const seam = trace(x, w, half, count, states, stateBefore(x, w, half, count, count, cheapest(row(count), rests(count))), half);
  fill(row(0), rests(0), Infinity);
  store<f32>(row(0) + (<usize>(seam & (rests(0) - 1)) << 2), 0);
  extend(x, w, 0, count, count - 1);
  trace(x, w, 0, count, states, seam, 1);
}

// @ts-ignore: decorator
@inline function row(i: i32): usize { return least + <usize>i * rowBytes; }
// @ts-ignore: decorator
@inline function stepBits(i: i32): i32 { return <i32>((steps >> ((i & 3) << 3)) & 255); }
/** How many rests of the state there are before value i. */
// @ts-ignore: decorator
@inline function rests(i: i32): i32 { return 1 << (bits - stepBits(i)); }
/** Place of value i of a block turned by `turn` values. */
// @ts-ignore: decorator
@inline function place(i: i32, turn: i32, count: i32): usize {
  const at = i + turn;
  return <usize>(at < count ? at : at - count) << 2;
}

function fill(at: usize, count: i32, value: f32): void {
  for (const end = at + (<usize>count << 2); at < end; at += 4) store<f32>(at, value);
}

/** Index of the first of the least costs. */
function cheapest(costs: usize, count: i32): i32 {
  let best = 0;
  for (let k = 1; k < count; k++) {
    if (load<f32>(costs + (<usize>k << 2)) < load<f32>(costs + (<usize>best << 2))) best = k;
  }
  return best;
}

/** Extends all paths by the first `to` values. */
function extend(x: usize, w: usize, turn: i32, count: i32, to: i32): void {
  for (let i = 0; i < to; i++) {
    const at = place(i, turn, count);
    const k = stepBits(i);
    const value = load<f32>(x + at), weight = load<f32>(w + at);
    if (k == 1) extendBy(1, row(i), row(i + 1), rests(i + 1), value, weight, k);
    else if (k == 2) extendBy(2, row(i), row(i + 1), rests(i + 1), value, weight, k);
    else extendBy(3, row(i), row(i + 1), rests(i + 1), value, weight, k);
  }
}

/** @param kind k, or 3 for any larger one */
// @ts-ignore: decorator
@inline function extendBy(kind: i32, before: usize, after: usize, count: i32, x: f32, w: f32, k: i32): void {
  const states = 1 << bits;
  if (ASC_FEATURE_SIMD) {
    const value = f32x4.splat(x), weight = f32x4.splat(w);
    for (let rest = 0; rest < count; rest += TOGETHER) {
      let a = f32x4.splat(Infinity), b = a, c = a, d = a;
      for (let state = rest; state < states; state += count) {
        const level = levels + (<usize>state << 2);
        a = f32x4.pmin(a, f32x4.add(fourBefore(kind, before, state, 0, k), errors(level, value, weight)));
        b = f32x4.pmin(b, f32x4.add(fourBefore(kind, before, state, 4, k), errors(level + 16, value, weight)));
        c = f32x4.pmin(c, f32x4.add(fourBefore(kind, before, state, 8, k), errors(level + 32, value, weight)));
        d = f32x4.pmin(d, f32x4.add(fourBefore(kind, before, state, 12, k), errors(level + 48, value, weight)));
      }
      const to = after + (<usize>rest << 2);
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
    }
  } else {
    for (let rest = 0; rest < count; rest++) {
      let cost: f32 = Infinity;
      for (let state = rest; state < states; state += count) cost = min(cost, costOf(before, state, k, x, w));
      store<f32>(after + (<usize>rest << 2), cost);
    }
  }
}

// @ts-ignore: decorator
@inline function errors(level: usize, value: v128, weight: v128): v128 {
  const difference = f32x4.sub(value, v128.load(level));
  return f32x4.mul(f32x4.mul(weight, difference), difference);
}

/** Costs before states state + offset … + 3, where `state` is a multiple of 16. */
// @ts-ignore: decorator
@inline function fourBefore(kind: i32, before: usize, state: i32, offset: i32, k: i32): v128 {
  if (kind == 1) {
    const pair = v128.load64_zero(before + (<usize>(state + offset) << 1));
    return v128.shuffle<i32>(pair, pair, 0, 0, 1, 1);
  }
  if (kind == 2) return v128.load32_splat(before + <usize>(state + offset));
  return v128.load32_splat(before + (<usize>((state + offset) >> k) << 2));
}

// @ts-ignore: decorator
@inline function costOf(before: usize, state: i32, k: i32, x: f32, w: f32): f32 {
  const difference = x - load<f32>(levels + (<usize>state << 2));
  return load<f32>(before + (<usize>(state >> k) << 2)) + w * difference * difference;
}

/** State of value i − 1 on the best path to a rest before value i. */
function stateBefore(x: usize, w: usize, turn: i32, count: i32, i: i32, rest: i32): i32 {
  const at = place(i - 1, turn, count), k = stepBits(i - 1), step = rests(i);
  const value = load<f32>(x + at), weight = load<f32>(w + at), wanted = load<f32>(row(i) + (<usize>rest << 2));
  const last = (1 << bits) - step;
  let state = rest;
  while (state < last && costOf(row(i - 1), state, k, value, weight) != wanted) state += step;
  return state;
}

/** Writes the states of values `to` − 1 and later on the path that ends with `state`; returns the first of them. */
function trace(x: usize, w: usize, turn: i32, count: i32, states: usize, state: i32, to: i32): i32 {
  store<u16>(states + (<usize>(count - 1) << 1), <u16>state);
  for (let i = count - 1; i >= to; i--) {
    state = stateBefore(x, w, turn, count, i, state >> stepBits(i));
    store<u16>(states + (<usize>(i - 1) << 1), <u16>state);
  }
  return state;
}
