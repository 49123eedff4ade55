/** Which experts a token goes to. */
import { vsigmoid } from './activations';
import { dadd, dsum, dzero, LANES, vloadPart, vmul, vsplat, vstorePart, vsub } from './lanes';
import { vexp } from './exp';
import { highest } from './logits';
import { scratch, shareStart } from './share';

const SIGMOID: i32 = 1;

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

/** to[n] = sigmoid(x); returns the 1 that such gates are divided by. */
function sigmoids(x: usize, to: usize, n: i32): f64 {
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    vstorePart(to + at, vsigmoid(vloadPart(x + at, n - i, 0)), n - i);
  }
  return 1;
}

/** What a token's experts are chosen by: to[n] = gate/all + bias. */
function biased(gates: usize, all: f64, bias: usize, to: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 2;
    const gate = <f32>(load<f32>(gates + at) / all);
    store<f32>(to + at, bias ? gate + load<f32>(bias + at) : gate);
  }
}

/** Marks the experts of all groups but `used` as taken: those stay whose `best` scores have the largest sums. */
function keepGroups(
  scores: usize, taken: usize, sums: usize, chosen: usize, experts: i32, groups: i32, used: i32, best: i32,
): void {
  const size = experts / groups;
  for (let group = 0; group < groups; group++) {
    const first = <usize>(group * size) << 2;
    let sum: f32 = 0;
    for (let j = 0; j < best; j++) {
      const id = largest(scores + first, taken + first, size);
      if (id < 0) break;
      store<i32>(taken + first + (<usize>id << 2), 1);
      sum += load<f32>(scores + first + (<usize>id << 2));
    }
    store<f32>(sums + (<usize>group << 2), sum);
  }
  memory.fill(chosen, 0, <usize>groups << 2);
  memory.fill(taken, 1, <usize>experts << 2);
  for (let j = 0; j < used; j++) {
    const group = largest(sums, chosen, groups);
    store<i32>(chosen + (<usize>group << 2), 1);
    memory.fill(taken + (<usize>(group * size) << 2), 0, <usize>size << 2);
  }
}

/**
 * ids[tokens, k] of the largest of logits[tokens, experts] (with a bias or groups, of gates + bias), weights[tokens, k] their
 * gates. `gating` counts src/kernels/wasm/experts.ts' names: softmax 0, sigmoid 1.
 */
export function route(
  logits: usize, bias: usize, ids: usize, weights: usize, tokens: i32, experts: i32, k: i32, gating: i32,
  normalize: i32, scale: f32, groups: i32, usedGroups: i32, groupBest: i32, ith: i32, nth: i32,
): void {
  const row = <usize>experts << 2;
  const e = scratch;
  const taken = e + row;
  const scores = taken + row;
  const sums = scores + row;
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const x = logits + <usize>token * row;
    const slot = <usize>token * <usize>k * 4;
    const all = gating == SIGMOID ? sigmoids(x, e, experts) : exponentials(x, e, experts);
    memory.fill(taken, 0, row);
    let by = x;
    if (bias || groups > 1) {
      biased(e, all, bias, scores, experts);
      by = scores;
    }
    if (groups > 1) keepGroups(by, taken, sums, sums + row, experts, groups, usedGroups, groupBest);
    let chosen: f64 = 0;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const id = largest(by, taken, experts);
      const at = <usize>id << 2;
      store<i32>(taken + at, 1);
      store<i32>(ids + slot + j, id);
      store<f32>(weights + slot + j, load<f32>(e + at));
      chosen += load<f32>(e + at);
    }
    const total = normalize ? chosen : all;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const at = weights + slot + j;
      store<f32>(at, <f32>(load<f32>(at) / total * scale));
    }
  }
}

/**
 * dLogits from d = scale · dWeights at the chosen experts. Softmax: p∘(d − Σ p·d), normalized with p and the sum of the chosen
 * alone. Sigmoid s: s(1 − s)·d, normalized s(1 − s)/Σs · (d − Σ p·d).
 */
export function routeBackward(
  logits: usize, ids: usize, dWeights: usize, dLogits: usize, tokens: i32, experts: i32, k: i32, gating: i32,
  normalize: i32, scale: f32, ith: i32, nth: i32,
): void {
  const e = scratch;
  const end = shareStart(tokens, 1, ith + 1, nth);
  for (let token = shareStart(tokens, 1, ith, nth); token < end; token++) {
    const row = <usize>token * <usize>experts * 4;
    const slot = <usize>token * <usize>k * 4;
    let total = gating == SIGMOID ? sigmoids(logits + row, e, experts) : exponentials(logits + row, e, experts);
    let chosen: f64 = 0;
    let inner: f64 = 0;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const weight = <f64>load<f32>(e + (<usize>load<i32>(ids + slot + j) << 2));
      chosen += weight;
      inner += weight * load<f32>(dWeights + slot + j) * scale;
    }
    if (normalize) total = chosen;
    if (normalize || gating == SIGMOID) {
      memory.fill(dLogits + row, 0, <usize>experts << 2);
    } else {
      const factor = vsplat(<f32>(-inner / (total * total)));
      for (let i = 0; i < experts; i += LANES) {
        const at = <usize>i << 2;
        vstorePart(dLogits + row + at, vmul(vloadPart(e + at, experts - i, 0), factor), experts - i);
      }
    }
    const mean = normalize || gating != SIGMOID ? inner / total : 0;
    for (let j: usize = 0; j < <usize>k * 4; j += 4) {
      const at = <usize>load<i32>(ids + slot + j) << 2;
      const gate = <f64>load<f32>(e + at);
      const slope = (gating == SIGMOID ? gate * (1 - gate) : gate) / total;
      store<f32>(dLogits + row + at, <f32>(slope * (<f64>load<f32>(dWeights + slot + j) * scale - mean)));
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
