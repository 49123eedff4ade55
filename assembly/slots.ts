/**
 * Rows of tokens into the order of experts and back. order[place] = slot; slot token·k + j is the token's j-th expert.
 */
import { LANES, vadd, vloadPart, vmadd, vsplat, vstorePart } from './lanes';
import { dotRow, scale } from './rows';
import { shareStart } from './share';

/** places[order[i]] = i. */
export function invertOrder(order: usize, places: usize, slots: i32, ith: i32, nth: i32): void {
  const end = shareStart(slots, 16, ith + 1, nth);
  for (let i = shareStart(slots, 16, ith, nth); i < end; i++) {
    store<i32>(places + (<usize>load<i32>(order + (<usize>i << 2)) << 2), i);
  }
}

/** y[i] = x[⌊order[i]/k⌋]. */
export function gatherSlots(x: usize, order: usize, y: usize, slots: i32, k: i32, columns: i32, ith: i32, nth: i32): void {
  const row = <usize>columns << 2;
  const end = shareStart(slots, 1, ith + 1, nth);
  for (let i = shareStart(slots, 1, ith, nth); i < end; i++) {
    memory.copy(y + <usize>i * row, x + <usize>(load<i32>(order + (<usize>i << 2)) / k) * row, row);
  }
}

/** dx[tokens] = Σ_j dy[places[token·k + j]]. */
export function gatherSlotsBackward(
  dy: usize, places: usize, dx: usize, tokens: i32, k: i32, columns: i32, ith: i32, nth: i32,
): void {
  const row = <usize>columns << 2;
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const slot = places + <usize>token * <usize>k * 4;
    const to = dx + <usize>token * row;
    for (let i = 0; i < columns; i += LANES) {
      const at = <usize>i << 2;
      let sum = vsplat(0);
      for (let j: usize = 0; j < <usize>k * 4; j += 4) {
        sum = vadd(sum, vloadPart(dy + <usize>load<i32>(slot + j) * row + at, columns - i, 0));
      }
      vstorePart(to + at, sum, columns - i);
    }
  }
}

/** out[tokens] = Σ_j weights[token, j]·y[places[token·k + j]]. */
export function combine(
  y: usize, places: usize, weights: usize, out: usize, tokens: i32, k: i32, columns: i32, ith: i32, nth: i32,
): void {
  const row = <usize>columns << 2;
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const slot = <usize>token * <usize>k * 4;
    const to = out + <usize>token * row;
    for (let i = 0; i < columns; i += LANES) {
      const at = <usize>i << 2;
      let sum = vsplat(0);
      for (let j: usize = 0; j < <usize>k * 4; j += 4) {
        const part = vloadPart(y + <usize>load<i32>(places + slot + j) * row + at, columns - i, 0);
        sum = vmadd(vsplat(load<f32>(weights + slot + j)), part, sum);
      }
      vstorePart(to + at, sum, columns - i);
    }
  }
}

/** dY[i] = weights[slot]·dOut[token], dWeights[slot] = Σ y[i]·dOut[token], slot = order[i]. */
export function combineBackward(
  y: usize, order: usize, weights: usize, dOut: usize, dY: usize, dWeights: usize, slots: i32, k: i32, columns: i32,
  ith: i32, nth: i32,
): void {
  const row = <usize>columns << 2;
  const end = shareStart(slots, 1, ith + 1, nth);
  for (let i = shareStart(slots, 1, ith, nth); i < end; i++) {
    const slot = load<i32>(order + (<usize>i << 2));
    const from = dOut + <usize>(slot / k) * row;
    const at = <usize>slot << 2;
    store<f32>(dWeights + at, <f32>dotRow(y + <usize>i * row, from, columns));
    scale(from, dY + <usize>i * row, columns, load<f32>(weights + at), 0, 1);
  }
}
