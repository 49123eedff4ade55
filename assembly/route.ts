/** Which experts a token goes to. */
import { dadd, dsum, dzero, LANES, vloadPart, vmul, vsplat, vstorePart, vsub } from './lanes';
import { vexp } from './exp';
import { highest } from './logits';
import { scratch, shareStart } from './share';

/** to[n] = exp(x − max x); returns the sum. */
function exponentials(x: usize, to: usize, n: i32): f64 {
  const shift = vsplat(highest(x, n));
  let total = dzero();
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const weight = vexp(vsub(vloadPart(x + at, n - i, -Infinity), shift));
    total = dadd(total, weight);
    vstorePart(to + at, weight, n - i);
  }
  return dsum(total);
}

/** Index of the largest of x[n] whose `taken` is 0; the first of equal ones, NaN as −∞. */
function largest(x: usize, taken: usize, n: i32): i32 {
  let best = -1;
  let most: f32 = 0;
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 2;
    if (load<i32>(taken + at)) continue;
    const logit = load<f32>(x + at);
    const value: f32 = logit == logit ? logit : -Infinity;
    if (best < 0 || value > most) {
      best = i;
      most = value;
    }
  }
  return best;
}

/** ids[tokens, k] of the largest of logits[tokens, experts], weights[tokens, k] their probabilities. */
export function route(
  logits: usize, ids: usize, weights: usize, tokens: i32, experts: i32, k: i32, normalize: i32, ith: i32, nth: i32,
): void {
  const e = scratch;
  const taken = scratch + (<usize>experts << 2);
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const x = logits + <usize>token * <usize>experts * 4;
    const slot = <usize>token * <usize>k * 4;
    const all = exponentials(x, e, experts);
    memory.fill(taken, 0, <usize>experts << 2);
    let chosen: f64 = 0;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const id = largest(x, taken, experts);
      const at = <usize>id << 2;
      store<i32>(taken + at, 1);
      store<i32>(ids + slot + j, id);
      store<f32>(weights + slot + j, load<f32>(e + at));
      chosen += load<f32>(e + at);
    }
    const total = normalize ? chosen : all;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const at = weights + slot + j;
      store<f32>(at, <f32>(load<f32>(at) / total));
    }
  }
}

/** dLogits = p∘(d − Σ p·d), d = dWeights at the chosen experts; normalized: p and the sum of the chosen alone. */
export function routeBackward(
  logits: usize, ids: usize, dWeights: usize, dLogits: usize, tokens: i32, experts: i32, k: i32, normalize: i32,
  ith: i32, nth: i32,
): void {
  const e = scratch;
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const row = <usize>token * <usize>experts * 4;
    const slot = <usize>token * <usize>k * 4;
    let total = exponentials(logits + row, e, experts);
    let chosen: f64 = 0;
    let inner: f64 = 0;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const weight = <f64>load<f32>(e + (<usize>load<i32>(ids + slot + j) << 2));
      chosen += weight;
      inner += weight * load<f32>(dWeights + slot + j);
    }
    if (normalize) {
      total = chosen;
      memory.fill(dLogits + row, 0, <usize>experts << 2);
    } else {
      const factor = vsplat(<f32>(-inner / (total * total)));
      for (let i = 0; i < experts; i += LANES) {
        const at = <usize>i << 2;
        vstorePart(dLogits + row + at, vmul(vloadPart(e + at, experts - i, 0), factor), experts - i);
      }
    }
    const mean = inner / total;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const at = <usize>load<i32>(ids + slot + j) << 2;
      const p = load<f32>(e + at) / total;
      store<f32>(dLogits + row + at, <f32>(p * (load<f32>(dWeights + slot + j) - mean)));
    }
  }
}

/** Counting sort of slots by ids[slots], those of no expert last; on one thread. */
export function groupByExpert(
  ids: usize, order: usize, offsets: usize, slots: i32, experts: i32, ith: i32, nth: i32,
): void {
  if (ith != 0) return;
  memory.fill(offsets, 0, <usize>(experts + 1) << 2);
  for (let slot = 0; slot < slots; slot++) {
    const id = load<i32>(ids + (<usize>slot << 2));
    if (id == experts) continue;
    const count = offsets + (<usize>id << 2) + 4;
    store<i32>(count, load<i32>(count) + 1);
  }
  for (let e: usize = 0; e < <usize>experts * 4; e += 4) {
    store<i32>(offsets + e + 4, load<i32>(offsets + e) + load<i32>(offsets + e + 4));
  }
  // Each expert's start moves to its end, which is the next one's start.
  let last = load<i32>(offsets + (<usize>experts << 2));
  for (let slot = 0; slot < slots; slot++) {
    const id = load<i32>(ids + (<usize>slot << 2));
    if (id == experts) {
      store<i32>(order + (<usize>last << 2), slot);
      last++;
      continue;
    }
    const next = offsets + (<usize>id << 2);
    const place = load<i32>(next);
    store<i32>(order + (<usize>place << 2), slot);
    store<i32>(next, place + 1);
  }
  memory.copy(offsets + 4, offsets, <usize>experts << 2);
  store<i32>(offsets, 0);
}
