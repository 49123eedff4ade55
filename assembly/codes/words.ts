import { fourValues, oneValue, shiftOf, signBits } from '../patterns';
import { Stage } from './plan';

/** Values that all stages are added up for before the next: they stay in the first-level cache. */
const CHUNK: i32 = 2048;

/**
 * values = scale · Σ words, float32 rounded after every operation.
 * @param base the group's first byte
 * @param stages `count` of them
 * @param size values of a word: 4 or 8
 * @param first, last values of the group, whole words
 */
export function sumWords(
  base: usize, stages: usize, count: i32, size: i32, scale: f32, values: usize, first: i32, last: i32,
): void {
  for (let i = first; i < last; i += CHUNK) {
    const words = (min(CHUNK, last - i) + size - 1) / size, to = values + (<usize>i << 2);
    for (let m = 0; m < count; m++) {
      const stage = changetype<Stage>(stages + offsetof<Stage>() * m);
      const codes = base + stage.codesAt + <usize>(i / size) * stage.step;
      const factor: f32 = m == count - 1 ? scale : 1;
      if (m == 0) addStage(stage, size, codes, factor, to, words, false);
      else addStage(stage, size, codes, factor, to, words, true);
    }
  }
}

/** values = factor·(word + values, or 0) of `count` words. */
// @ts-ignore: decorator
@inline function addStage(
  stage: Stage, size: i32, codes: usize, factor: f32, to: usize, count: i32, adds: bool,
): void {
  const step = <usize>stage.step, record = stage.record;
  if (stage.arePatterns != 0) addPatterns(record, codes, factor, to, count, adds);
  else if (size == 8) addWords(8, record, codes, step, factor, to, count, adds);
  else addWords(4, record, codes, step, factor, to, count, adds);
}

// @ts-ignore: decorator
@inline function addPatterns(record: usize, codes: usize, factor: f32, to: usize, count: i32, adds: bool): void {
  for (const end = codes + (<usize>count << 1); codes < end; codes += 2, to += 32) {
    const code = <u32>load<u16>(codes), signs = signBits(record, code), shift = shiftOf(record, code);
    if (ASC_FEATURE_SIMD) {
      put(to, fourValues(record, code, signs, f32x4.splat(shift), 0), factor, adds);
      put(to + 16, fourValues(record, code, signs, f32x4.splat(shift), 1), factor, adds);
    } else {
      for (let i: usize = 0; i < 8; i++) putOne(to + 4 * i, oneValue(record, code, signs, shift, i), factor, adds);
    }
  }
}

// @ts-ignore: decorator
@inline function addWords(
  size: i32, words: usize, codes: usize, step: usize, factor: f32, to: usize, count: i32, adds: bool,
): void {
  const bytes = <usize>size << 2;
  for (const end = to + <usize>count * bytes; to < end; codes += step, to += bytes) {
    const word = words + <usize>load<u8>(codes) * bytes;
    if (ASC_FEATURE_SIMD) {
      put(to, v128.load(word), factor, adds);
      if (size == 8) put(to + 16, v128.load(word, 16), factor, adds);
    } else {
      for (let at: usize = 0; at < bytes; at += 4) putOne(to + at, load<f32>(word + at), factor, adds);
    }
  }
}

// @ts-ignore: decorator
@inline function put(to: usize, word: v128, factor: f32, adds: bool): void {
  const sum = f32x4.add(adds ? v128.load(to) : f32x4.splat(0), word);
  v128.store(to, f32x4.mul(f32x4.splat(factor), sum));
}

// @ts-ignore: decorator
@inline function putOne(to: usize, word: f32, factor: f32, adds: bool): void {
  const before: f32 = adds ? load<f32>(to) : 0;
  store<f32>(to, factor * (before + word));
}
