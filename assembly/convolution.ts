/**
 * Causal convolutions along sequences, every channel by itself. Threads share channels, so that a state is changed by the
 * thread that reads it. Tokens lie `channels` floats apart.
 */
import { LANES, V, vadd, vloadPart, vmadd, vmul, vsplat, vstorePart } from './lanes';
import { scratch, shareStart } from './share';

/** Channels whose weights are turned at once: one line of the cache a token. */
const CHANNELS: i32 = 16;

/** Weights w[channels, taps] of some channels → scratch[taps, CHANNELS]. */
function turnWeights(w: usize, first: i32, count: i32, taps: i32): void {
  for (let c = 0; c < count; c++) {
    const row = w + (<usize>(first + c) * <usize>taps << 2);
    for (let tap = 0; tap < taps; tap++)
      store<f32>(scratch + (<usize>(tap * CHANNELS + c) << 2), load<f32>(row + (<usize>tap << 2)));
  }
}

/** Row of a token, counted from the first new one; 0 where there is none. `state` ends with the row of token −1. */
// @ts-ignore: decorator
@inline function rowOf(x: usize, state: usize, token: i32, taps: i32, rowBytes: usize): usize {
  if (token >= 0) return x + <usize>token * rowBytes;
  return state ? state + <usize>(token + taps - 1) * rowBytes : 0;
}

/**
 * y[sequences·length, channels] from x and w[channels, taps].
 * @param state [taps − 1, channels] or 0; not read where `fresh`
 */
export function shortConv(
  x: usize, w: usize, y: usize, state: usize, sequences: i32, length: i32, channels: i32, taps: i32, fresh: i32,
  ith: i32, nth: i32,
): void {
  const end = shareStart(channels, CHANNELS, ith + 1, nth);
  const rowBytes = <usize>channels << 2;
  const before = fresh ? 0 : state;
  for (let first = shareStart(channels, CHANNELS, ith, nth); first < end; first += CHANNELS) {
    const count = min(CHANNELS, end - first);
    turnWeights(w, first, count, taps);
    for (let sequence = 0; sequence < sequences; sequence++) {
      const start = <usize>sequence * <usize>length * rowBytes + (<usize>first << 2);
      const held = before ? before + (<usize>first << 2) : 0;
      for (let token = 0; token < length; token++) {
        const to = y + start + <usize>token * rowBytes;
        for (let c = 0; c < count; c += LANES) {
          const at = <usize>c << 2;
          let sum = vsplat(0);
          for (let tap = 0; tap < taps; tap++) {
            const row = rowOf(x + start, held, token - taps + 1 + tap, taps, rowBytes);
            if (!row) continue;
            const weights = scratch + (<usize>(tap * CHANNELS) << 2) + at;
            sum = vmadd(vloadPart(row + at, count - c, 0), vloadPart(weights, count - c, 0), sum);
          }
          vstorePart(to + at, sum, count - c);
        }
      }
    }
    if (state) keepLast(x + (<usize>first << 2), state + (<usize>first << 2), length, count, taps, rowBytes, fresh);
  }
}

/** The last taps − 1 rows of the state and x become the state; rows only move towards the front. */
function keepLast(x: usize, state: usize, length: i32, count: i32, taps: i32, rowBytes: usize, fresh: i32): void {
  const bytes = <usize>count << 2;
  for (let row = 0; row < taps - 1; row++) {
    const to = state + <usize>row * rowBytes;
    const from = rowOf(x, fresh ? 0 : state, length - taps + 1 + row, taps, rowBytes);
    if (from) memory.copy(to, from, bytes);
    else memory.fill(to, 0, bytes);
  }
}

/** dx[sequences·length, channels]: what every token gave to the outputs that saw it. */
export function shortConvBackward(
  dy: usize, w: usize, dx: usize, sequences: i32, length: i32, channels: i32, taps: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(channels, CHANNELS, ith + 1, nth);
  const rowBytes = <usize>channels << 2;
  for (let first = shareStart(channels, CHANNELS, ith, nth); first < end; first += CHANNELS) {
    const count = min(CHANNELS, end - first);
    turnWeights(w, first, count, taps);
    for (let sequence = 0; sequence < sequences; sequence++) {
      const start = <usize>sequence * <usize>length * rowBytes + (<usize>first << 2);
      for (let token = 0; token < length; token++) {
        const seen = min(taps, length - token);
        const from = start + <usize>token * rowBytes;
        for (let c = 0; c < count; c += LANES) {
          const at = <usize>c << 2;
          let sum = vsplat(0);
          for (let ahead = 0; ahead < seen; ahead++) {
            const weights = scratch + (<usize>((taps - 1 - ahead) * CHANNELS) << 2) + at;
            const gradient = vloadPart(dy + from + <usize>ahead * rowBytes + at, count - c, 0);
            sum = vmadd(gradient, vloadPart(weights, count - c, 0), sum);
          }
          vstorePart(dx + from + at, sum, count - c);
        }
      }
    }
  }
}

/** dw[channels, taps]: sums over all tokens, those of each sequence added to the sum of those before. */
export function shortConvWeightGradient(
  x: usize, dy: usize, dw: usize, sequences: i32, length: i32, channels: i32, taps: i32, ith: i32, nth: i32,
): void {
  const end = shareStart(channels, CHANNELS, ith + 1, nth);
  const rowBytes = <usize>channels << 2;
  for (let first = shareStart(channels, CHANNELS, ith, nth); first < end; first += CHANNELS) {
    const count = min(CHANNELS, end - first);
    for (let c = 0; c < count; c += LANES) {
      const lanes = min(LANES, count - c);
      for (let tap = 0; tap < taps; tap++) {
        let total = vsplat(0);
        for (let sequence = 0; sequence < sequences; sequence++) {
          const start = <usize>sequence * <usize>length * rowBytes + (<usize>(first + c) << 2);
          total = vadd(total, productSum(x + start, dy + start, taps - 1 - tap, length, rowBytes, lanes));
        }
        vstorePart(scratch, total, LANES);
        for (let lane = 0; lane < lanes; lane++) {
          const to = dw + (<usize>((first + c + lane) * taps + tap) << 2);
          store<f32>(to, load<f32>(scratch + (<usize>lane << 2)));
        }
      }
    }
  }
}

/** Σ_t x_{t − back}·dy_t of some channels. */
function productSum(x: usize, dy: usize, back: i32, length: i32, rowBytes: usize, lanes: i32): V {
  let sum = vsplat(0);
  for (let token = back; token < length; token++) {
    const early = vloadPart(x + <usize>(token - back) * rowBytes, lanes, 0);
    sum = vadd(sum, vmul(early, vloadPart(dy + <usize>token * rowBytes, lanes, 0)));
  }
  return sum;
}
