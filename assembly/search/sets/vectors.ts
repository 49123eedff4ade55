/** Scales and points of rows: src/numeric/search/sets/vectors.ts. */
import { vload, vmul, VECTOR, vsplat, vstore } from '../../lanes';
import { oneValue, shiftOf, signBits } from '../../patterns';
import { shareStart } from '../../share';
import { nearestPatterns } from './patterns';
import { cheapestWord, wordCosts } from './sums';

const SIZE: i32 = 8;
/** Starts of the scale are 1 divided by these. */
const DIVISORS: StaticArray<f64> = [0.84, 0.9, 0.96, 1, 1.04, 1.1];
/** Codes and scale in turn. */
const ROUNDS: i32 = 2;

/** A stage: patterns, or words f32 [256, 8] that follow each other, then as [8, 256]. */
@unmanaged class VectorStage {
  arePatterns: i32;
  record: usize;
}
/** Bytes of a list of words. */
// @ts-ignore: decorator
@inline const LIST_BYTES: usize = 8192;

let columns: i32 = 0;
let groups: i32 = 0;
let stages: usize = 0;
let stageCount: i32 = 0;
/** What the stages so far leave, and their sum. f32 [columns] */
let rest: usize = 0;
let sum: usize = 0;
/** u16 [stages, groups] */
let codes: usize = 0;

/** Results of `correlate`: Σ w x q, Σ w q². */
let xq: f64 = 0;
let qq: f64 = 0;

/**
 * Scale and codes of `rows` rows. @param list [count] stages @param x, w [rows, columns] f32 @param scale [rows] f64 out
 * @param found [count, rows, columns / 8] u16 out @param room roomBytes for every thread: what stands above
 */
export function searchVectors(
  list: usize, x: usize, w: usize, scale: usize, found: usize, room: usize, roomBytes: usize, count: i32, width: i32,
  rows: i32, ith: i32, nth: i32,
): void {
  columns = width;
  groups = width / SIZE;
  stages = list;
  stageCount = count;
  rest = room + <usize>ith * roomBytes;
  sum = rest + (<usize>width << 2);
  codes = sum + (<usize>width << 2);
  const rowCodes = <usize>groups << 1, end = shareStart(rows, 1, ith + 1, nth);
  for (let row = shareStart(rows, 1, ith, nth); row < end; row++) {
    const from = <usize>row * <usize>width << 2;
    const to = found + <usize>row * rowCodes;
    store<f64>(scale + (<usize>row << 3), searchRow(x + from, w + from, to, <usize>rows * rowCodes));
  }
}

/** @param best the row's codes of the first stage out; those of the others are `stride` bytes on */
function searchRow(x: usize, w: usize, best: usize, stride: usize): f64 {
  const bytes = <usize>groups << 1;
  for (let s: usize = 0; s < <usize>stageCount; s++) memory.fill(best + s * stride, 0, bytes);
  correlate(x, w, x);
  const energy = qq;
  if (!(energy > 0)) return 0;
  let bestError = energy, scale: f64 = 0;
  for (let start = 0; start < DIVISORS.length; start++) {
    let step = 1 / unchecked(DIVISORS[start]);
    for (let round = 0; round < ROUNDS && step > 0; round++) {
      quantize(x, w, step);
      correlate(x, w, sum);
      step = qq > 0 ? max(xq / qq, 0) : 0;
      const error = energy - step * xq;
      if (!(error < bestError)) continue;
      bestError = error;
      scale = step;
      for (let s: usize = 0; s < <usize>stageCount; s++) memory.copy(best + s * stride, codes + s * bytes, bytes);
    }
  }
  return scale;
}

/** Codes under a scale, stage after stage. */
function quantize(x: usize, w: usize, scale: f64): void {
  const inverse = vsplat(<f32>(1 / scale)), zero = vsplat(0);
  for (let at: usize = 0; at < <usize>columns << 2; at += VECTOR) {
    vstore(rest + at, vmul(vload(x + at), inverse));
    vstore(sum + at, zero);
  }
  for (let s = 0; s < stageCount; s++) {
    const stage = changetype<VectorStage>(stages + (<usize>s << 3));
    const to = codes + (<usize>(s * groups) << 1), record = stage.record;
    if (stage.arePatterns != 0) {
      nearestPatterns(record, rest, w, groups, to);
      for (let g = 0; g < groups; g++) {
        const code = <u32>load<u16>(to + (<usize>g << 1)), signs = signBits(record, code), shift = shiftOf(record, code);
        for (let i: usize = 0; i < 8; i++) take((<usize>g << 5) + (i << 2), oneValue(record, code, signs, shift, i));
      }
    } else {
      for (let g = 0; g < groups; g++) {
        const from = <usize>g << 5;
        wordCosts(record + LIST_BYTES, SIZE, rest + from, w + from);
        const code = cheapestWord();
        store<u16>(to + (<usize>g << 1), <u16>code);
        for (let i: usize = 0; i < 32; i += 4) take(from + i, load<f32>(record + (<usize>code << 5) + i));
      }
    }
  }
}

// @ts-ignore: decorator
@inline function take(at: usize, value: f32): void {
  store<f32>(rest + at, load<f32>(rest + at) - value);
  store<f32>(sum + at, load<f32>(sum + at) + value);
}

/** Values of even and odd index apart. */
function correlate(x: usize, w: usize, q: usize): void {
  let evenX: f64 = 0, oddX: f64 = 0, evenQ: f64 = 0, oddQ: f64 = 0;
  for (let at: usize = 0; at < <usize>columns << 2; at += 8) {
    const a = <f64>load<f32>(q + at), b = <f64>load<f32>(q + at, 4);
    const wa = <f64>load<f32>(w + at) * a, wb = <f64>load<f32>(w + at, 4) * b;
    evenX += wa * <f64>load<f32>(x + at);
    oddX += wb * <f64>load<f32>(x + at, 4);
    evenQ += wa * a;
    oddQ += wb * b;
  }
  xq = evenX + oddX;
  qq = evenQ + oddQ;
}
