import { Stage } from './plan';

/**
 * values = scale · Σ words, added and multiplied in float64 and rounded once.
 * @param base the group's first byte
 * @param stages `count` of them
 * @param size values of a word: 4 or 8
 * @param first, last values of the group, whole words
 */
export function sumWords(
  base: usize, stages: usize, count: i32, size: i32, scale: f32, values: usize, first: i32, last: i32,
): void {
  const bytes = <usize>size << 3;
  for (let i = first; i < last; i += size) {
    const word = i / size;
    const to = values + (<usize>i << 2);
    for (let part: usize = 0; part < bytes; part += 32) sumFour(base, stages, count, word, bytes, part, scale, to + (part >> 1));
  }
}

/** Four values of a word, `part` the place of the first in it. */
// @ts-ignore: decorator
@inline function sumFour(
  base: usize, stages: usize, count: i32, word: i32, bytes: usize, part: usize, scale: f32, to: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    let a = f64x2.splat(0);
    let b = f64x2.splat(0);
    for (let m = 0; m < count; m++) {
      const at = wordAt(base, stages + offsetof<Stage>() * m, word, bytes) + part;
      a = f64x2.add(a, v128.load(at));
      b = f64x2.add(b, v128.load(at, 16));
    }
    const factor = f64x2.splat(<f64>scale);
    const low = f32x4.demote_f64x2_zero(f64x2.mul(factor, a));
    const high = f32x4.demote_f64x2_zero(f64x2.mul(factor, b));
    v128.store(to, v128.shuffle<i64>(low, high, 0, 2));
  } else {
    for (let k: usize = 0; k < 4; k++) {
      let sum: f64 = 0;
      for (let m = 0; m < count; m++) {
        sum += load<f64>(wordAt(base, stages + offsetof<Stage>() * m, word, bytes) + part + 8 * k);
      }
      store<f32>(to + 4 * k, <f32>(<f64>scale * sum));
    }
  }
}

/** Address of the word that a stage has there. */
// @ts-ignore: decorator
@inline function wordAt(base: usize, at: usize, word: i32, bytes: usize): usize {
  const stage = changetype<Stage>(at);
  const from = base + stage.codesAt + <usize>word * stage.step;
  const code: usize = stage.codeBytes == 1 ? <usize>load<u8>(from) : <usize>load<u16>(from);
  return stage.words + code * bytes;
}
