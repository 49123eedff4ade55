/** Points by patterns that are near to groups: src/numeric/search/sets/patterns.ts. A lane for every group. */
import {
  LANES, V, vabs, vadd, vanyLess, vleast, vload, vmul, VECTOR, vselectLess, vsplat, vstore, vsub,
} from '../../lanes';
import { CLASS_COUNT, CLASSES, PatternClass, PLACES } from '../../patterns';
import { scratch } from '../../share';

const SIZE: i32 = 8;
const MOST_LEVELS: i32 = 3;
/** Bytes of a value's costs in the table: each level's cost, and what its wrong sign adds. */
// @ts-ignore: decorator
@inline const VALUE_BYTES: usize = 6 * VECTOR;

/*
 * Scratch memory of a thread, after what sums.ts keeps:
 *   2048  V [8]        values of the groups
 *   2304  V [8]        their weights
 *   2560  V [8, 3, 2]  costs and extras
 *   3584  f32 [2, 4]   place of the best pattern in its class, and class + 8 × side
 */
// @ts-ignore: decorator
@inline function values(): usize { return scratch + 2048; }
// @ts-ignore: decorator
@inline function weights(): usize { return scratch + 2304; }
// @ts-ignore: decorator
@inline function table(): usize { return scratch + 2560; }
// @ts-ignore: decorator
@inline function found(): usize { return scratch + 3584; }

/** Least that any pattern of the class costs, by `weigh`. */
let bound: V = vsplat(0);
/** 1 where the parity of signs is not the class's, else 0. */
let isWrong: V = vsplat(0);

/** Codes of `groups` groups. @param x, w [groups, 8] f32 @param codes [groups] u16 out */
export function nearestPatterns(patterns: usize, x: usize, w: usize, groups: i32, codes: usize): void {
  for (let g = 0; g < groups; g += LANES) {
    gather(x, values(), g, groups);
    gather(w, weights(), g, groups);
    search(patterns);
    for (let lane = 0; lane < LANES && g + lane < groups; lane++) {
      const from = <usize>(g + lane) << 5;
      store<u16>(codes + (<usize>(g + lane) << 1), <u16>codeOf(patterns, lane, x + from, w + from));
    }
  }
}

/** Groups g and up into lanes; behind the last one it is repeated. */
function gather(from: usize, to: usize, g: i32, groups: i32): void {
  for (let lane = 0; lane < LANES; lane++) {
    const at = from + (<usize>min(g + lane, groups - 1) << 5);
    for (let i: usize = 0; i < <usize>SIZE; i++) store<f32>(to + i * VECTOR + (<usize>lane << 2), load<f32>(at + (i << 2)));
  }
}

/** The cheapest patterns of the groups in lanes. */
function search(patterns: usize): void {
  let least = vsplat(Infinity), best = vsplat(0), bestClass = vsplat(0);
  const classes = load<i32>(patterns, CLASS_COUNT);
  for (let side = 0; side < 2; side++) {
    for (let c = 0; c < classes; c++) {
      const one = classAt(patterns, c);
      weigh(one, side);
      if (!vanyLess(bound, least)) continue;
      const wrong = isWrong, label = vsplat(<f32>(c + 8 * side));
      let places = patterns + PLACES + (<usize>one.first << 4);
      for (let p = 0; p < one.count; p++, places += 16) {
        const cost = costOf(places, wrong);
        best = vselectLess(cost, least, vsplat(<f32>p), best);
        bestClass = vselectLess(cost, least, label, bestClass);
        least = vleast(least, cost);
      }
    }
  }
  vstore(found(), best);
  vstore(found(), bestClass, 16);
}

// @ts-ignore: decorator
@inline function classAt(patterns: usize, c: i32): PatternClass {
  return changetype<PatternClass>(patterns + CLASSES + (<usize>c << 5));
}

// @ts-ignore: decorator
@inline function levelOf(one: PatternClass, l: i32): f32 {
  return load<f32>(changetype<usize>(one) + (<usize>l << 2));
}

/** Fills the table for a class. */
function weigh(one: PatternClass, side: i32): void {
  const shift = vsplat(side == 0 ? one.shift : -one.shift), zero = vsplat(0), four = vsplat(4);
  let sign = vsplat(one.isOdd != 0 ? -1 : 1), sum = zero;
  for (let i = 0; i < SIZE; i++) {
    const at = table() + <usize>i * VALUE_BYTES;
    const value = vsub(vload(values() + <usize>i * VECTOR), shift), magnitude = vabs(value);
    const weight = vload(weights() + <usize>i * VECTOR), extra = vmul(vmul(four, weight), magnitude);
    sign = vselectLess(value, zero, vsub(zero, sign), sign);
    let cheapest = vsplat(Infinity);
    for (let l = 0; l < one.levels; l++) {
      const level = vsplat(levelOf(one, l)), difference = vsub(magnitude, level), to = at + <usize>l * (2 * VECTOR);
      const cost = vmul(vmul(weight, difference), difference);
      vstore(to, cost);
      vstore(to, vmul(extra, level), VECTOR);
      cheapest = vleast(cheapest, cost);
    }
    sum = vadd(sum, cheapest);
  }
  // Sums of costs in another order may be a little smaller than this one.
  bound = vmul(sum, vsplat(0.99999));
  isWrong = vselectLess(sign, zero, vsplat(1), zero);
}

/** Place of value i's level in the table. */
// @ts-ignore: decorator
@inline function levelAt(places: usize, i: i32): usize {
  return table() + <usize>load<u16>(places + (<usize>i << 1)) / (16 / VECTOR);
}

// @ts-ignore: decorator
@inline function costOf(places: usize, wrong: V): V {
  const a = levelAt(places, 0), b = levelAt(places, 1), c = levelAt(places, 2), d = levelAt(places, 3);
  const e = levelAt(places, 4), f = levelAt(places, 5), g = levelAt(places, 6), h = levelAt(places, 7);
  const left = vadd(vadd(vload(a), vload(b)), vadd(vload(c), vload(d)));
  const right = vadd(vadd(vload(e), vload(f)), vadd(vload(g), vload(h)));
  const turnLeft = vleast(vleast(vload(a, VECTOR), vload(b, VECTOR)), vleast(vload(c, VECTOR), vload(d, VECTOR)));
  const turnRight = vleast(vleast(vload(e, VECTOR), vload(f, VECTOR)), vleast(vload(g, VECTOR), vload(h, VECTOR)));
  return vadd(vadd(left, right), vmul(wrong, vleast(turnLeft, turnRight)));
}

/** The code of a lane's best pattern, with its signs: the cheapest is turned where the parity asks for it. */
function codeOf(patterns: usize, lane: i32, x: usize, w: usize): i32 {
  const p = <i32>load<f32>(found() + (<usize>lane << 2)), label = <i32>load<f32>(found() + (<usize>lane << 2), 16);
  const one = classAt(patterns, label & 7), side = label >> 3;
  const shift = side == 0 ? one.shift : -one.shift;
  const places = patterns + PLACES + (<usize>(one.first + p) << 4);
  let signs = 0, turn = 0;
  let least: f32 = Infinity;
  for (let i = 0; i < SIZE; i++) {
    const at = <usize>i << 2, value = load<f32>(x + at) - shift;
    const l = (<i32>load<u16>(places + (<usize>i << 1)) >> 5) - i * MOST_LEVELS;
    const extra = <f32>4 * load<f32>(w + at) * abs<f32>(value) * levelOf(one, l);
    if (value < 0) signs |= 1 << i;
    if (!(extra < least)) continue;
    least = extra;
    turn = i;
  }
  if ((popcnt(signs) & 1) != one.isOdd) signs ^= 1 << turn;
  return (one.first + p) | ((signs & 127) << 8) | (side << 15);
}
