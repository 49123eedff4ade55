import { everyByte, signedBytesToFloats } from './bits';
import { shareStart } from '../share';

/**
 * values = blocks decoded, `count` blocks. Scale · code is exact in float32 in every format, so a value is rounded once at
 * most, by + minimum, and equals the format's own decoder bit for bit.
 */
// @ts-ignore: decorator
@inline export function decode<F>(blocks: usize, values: usize, count: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  const end = shareStart(count, 1, ith + 1, nth);
  const first = shareStart(count, 1, ith, nth);
  let block = blocks + <usize>first * format.bytes();
  let to = values + <usize>first * 4 * format.values();
  for (let i = first; i < end; i++) {
    if (ASC_FEATURE_SIMD) {
      decodeBlock<F>(block, to);
    } else {
      for (let v = 0; v < format.values(); v++) {
        const j = v / format.sub();
        let value = changetype<F>(block).scale(j) * <f32>(changetype<F>(block).code(v) - format.zero());
        if (format.hasMinimum()) value += changetype<F>(block).minimum(j);
        store<f32>(to + (<usize>v << 2), value);
      }
    }
    block += format.bytes();
    to += 4 * format.values();
  }
}

// @ts-ignore: decorator
@inline function decodeBlock<F>(block: usize, to: usize): void {
  const count = changetype<F>(0).values() / changetype<F>(0).sub();
  subBlock<F>(block, to, 0);
  if (count > 1) subBlock<F>(block, to, 1);
  if (count > 2) {
    subBlock<F>(block, to, 2);
    subBlock<F>(block, to, 3);
  }
  if (count > 4) {
    subBlock<F>(block, to, 4);
    subBlock<F>(block, to, 5);
    subBlock<F>(block, to, 6);
    subBlock<F>(block, to, 7);
  }
  if (count > 8) {
    subBlock<F>(block, to, 8);
    subBlock<F>(block, to, 9);
    subBlock<F>(block, to, 10);
    subBlock<F>(block, to, 11);
    subBlock<F>(block, to, 12);
    subBlock<F>(block, to, 13);
    subBlock<F>(block, to, 14);
    subBlock<F>(block, to, 15);
  }
}

/** Sub-block j (constant). */
// @ts-ignore: decorator
@inline function subBlock<F>(block: usize, to: usize, j: i32): void {
  const b = changetype<F>(block);
  const scale = f32x4.splat(b.scale(j));
  const minimum = f32x4.splat(b.hasMinimum() ? b.minimum(j) : 0);
  if (b.sub() == 16) {
    sixteen<F>(to + 64 * j, b.codes(j), scale, minimum);
  } else {
    sixteen<F>(to + 128 * j, b.codes(2 * j), scale, minimum);
    sixteen<F>(to + (128 * j + 64), b.codes(2 * j + 1), scale, minimum);
  }
}

// @ts-ignore: decorator
@inline function sixteen<F>(to: usize, codes: v128, scale: v128, minimum: v128): void {
  const format = changetype<F>(0);
  if (format.zero() != 0) codes = i8x16.sub(codes, everyByte(format.zero()));
  four<F>(to, signedBytesToFloats(codes, 0), scale, minimum);
  four<F>(to + 16, signedBytesToFloats(codes, 1), scale, minimum);
  four<F>(to + 32, signedBytesToFloats(codes, 2), scale, minimum);
  four<F>(to + 48, signedBytesToFloats(codes, 3), scale, minimum);
}

// @ts-ignore: decorator
@inline function four<F>(to: usize, codes: v128, scale: v128, minimum: v128): void {
  let value = f32x4.mul(scale, codes);
  if (changetype<F>(0).hasMinimum()) value = f32x4.add(value, minimum);
  v128.store(to, value);
}
