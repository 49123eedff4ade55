/**
 * Linear attention with decay: S ← e^g·S + d·kᵀ and out = scale·S·q, where d = β·(v − e^g·S·k) by the delta rule and β·v
 * without. Rows of S know nothing of each other, so they are worked on ROWS at a time, all tokens of them before the next.
 */
import { LANES, V, vadd, vloadPart, vmadd, vmul, vsplat, vstorePart, vsub, vsum } from './lanes';
import { vexp } from './exp';
import { shareStart } from './share';

/** Rows of S whose values stay near while tokens pass. */
const ROWS: i32 = 16;

/** The head of queries and keys of a head. */
// @ts-ignore: decorator
@inline function keyHead(head: i32, heads: i32, keyHeads: i32, tiled: i32): i32 {
  return tiled ? head % keyHeads : (head * keyHeads) / heads;
}

// @ts-ignore: decorator
@inline function dot(a: usize, b: usize, n: i32): f32 {
  let sum = vsplat(0);
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    sum = vmadd(vloadPart(a + at, n - i, 0), vloadPart(b + at, n - i, 0), sum);
  }
  return vsum(sum);
}

/** e^x in one lane. */
// @ts-ignore: decorator
@inline function expOf(x: f32): V {
  return vexp(vsplat(x));
}

/**
 * One row of S at one token. @returns S·q where there is a q
 */
// @ts-ignore: decorator
@inline function step(s: usize, k: usize, q: usize, kept: V, written: V, n: i32): f32 {
  let sum = vsplat(0);
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const next = vmadd(written, vloadPart(k + at, n - i, 0), vmul(kept, vloadPart(s + at, n - i, 0)));
    vstorePart(s + at, next, n - i);
    if (q) sum = vmadd(next, vloadPart(q + at, n - i, 0), sum);
  }
  return q ? vsum(sum) : 0;
}

/** What is to be written before β: v, less what the key holds. */
// @ts-ignore: decorator
@inline function left(s: usize, k: usize, v: f32, kept: V, n: i32, delta: i32): V {
  return delta ? vsub(vsplat(v), vmul(kept, vsplat(dot(s, k, n)))) : vsplat(v);
}

/**
 * out[sequences·length, heads·valueDim]; q, k [.., keyHeads·keyDim], v [.., heads·valueDim], decay, strength [.., heads].
 * @param state [heads, valueDim, keyDim], zeroed first where `fresh`; 0: none is kept
 * @param work per thread ROWS·keyDim floats where no state is kept
 */
export function linearAttention(
  q: usize, k: usize, v: usize, decay: usize, strength: usize, out: usize, state: usize, work: usize,
  sequences: i32, length: i32, heads: i32, keyHeads: i32, keyDim: i32, valueDim: i32, tiled: i32, delta: i32, fresh: i32,
  scale: f32, ith: i32, nth: i32,
): void {
  const blocks = (valueDim + ROWS - 1) / ROWS;
  const units = sequences * heads * blocks;
  const end = shareStart(units, 1, ith + 1, nth);
  const keyRow = <usize>(keyHeads * keyDim) << 2;
  const rowBytes = <usize>keyDim << 2;
  for (let unit = shareStart(units, 1, ith, nth); unit < end; unit++) {
    const head = (unit / blocks) % heads;
    const first = (unit % blocks) * ROWS;
    const rows = min(ROWS, valueDim - first);
    const token = (unit / blocks / heads) * length;
    const s = state
      ? state + <usize>(head * valueDim + first) * rowBytes
      : work + <usize>ith * <usize>ROWS * rowBytes;
    if (fresh) memory.fill(s, 0, <usize>rows * rowBytes);
    let gate = <usize>(token * heads + head) << 2;
    let value = (<usize>(token * heads + head) * <usize>valueDim + <usize>first) << 2;
    let key = <usize>token * keyRow + <usize>keyHead(head, heads, keyHeads, tiled) * rowBytes;
    for (let t = 0; t < length; t++) {
      const kept = expOf(load<f32>(decay + gate));
      const by = vsplat(load<f32>(strength + gate));
      for (let row = 0; row < rows; row++) {
        const at = s + <usize>row * rowBytes;
        const place = value + (<usize>row << 2);
        const written = vmul(by, left(at, k + key, load<f32>(v + place), kept, keyDim, delta));
        store<f32>(out + place, scale * step(at, k + key, q + key, kept, written, keyDim));
      }
      gate += <usize>heads << 2;
      value += <usize>(heads * valueDim) << 2;
      key += keyRow;
    }
  }
}

/**
 * Gradients at q, k, v, decay and strength. S is kept at the beginning of every `span` tokens, and made again between. A
 * thread owns whole heads of keys.
 * @param work per thread (⌈length/span⌉ + span + 2)·ROWS·keyDim floats
 */
export function linearAttentionBackward(
  q: usize, k: usize, v: usize, decay: usize, strength: usize, dOut: usize,
  dq: usize, dk: usize, dv: usize, dDecay: usize, dStrength: usize, work: usize,
  sequences: i32, length: i32, heads: i32, keyHeads: i32, keyDim: i32, valueDim: i32, tiled: i32, delta: i32, span: i32,
  scale: f32, ith: i32, nth: i32,
): void {
  const block = <usize>(ROWS * keyDim) << 2;
  const marks = (length + span - 1) / span;
  const own = work + <usize>ith * <usize>(marks + span + 2) * block;
  const keyRow = <usize>(keyHeads * keyDim) << 2;
  const group = heads / keyHeads;
  for (let unit = ith; unit < sequences * keyHeads; unit += nth) {
    const token = (unit / keyHeads) * length;
    const kh = unit % keyHeads;
    const key = <usize>token * keyRow + (<usize>(kh * keyDim) << 2);
    for (let t = 0; t < length; t++) {
      memory.fill(dq + key + <usize>t * keyRow, 0, <usize>keyDim << 2);
      memory.fill(dk + key + <usize>t * keyRow, 0, <usize>keyDim << 2);
    }
    for (let i = 0; i < group; i++) {
      const head = tiled ? kh + i * keyHeads : kh * group + i;
      const gate = <usize>(token * heads + head) << 2;
      for (let t = 0; t < length; t++) {
        store<f32>(dDecay + gate + (<usize>(t * heads) << 2), 0);
        store<f32>(dStrength + gate + (<usize>(t * heads) << 2), 0);
      }
      for (let first = 0; first < valueDim; first += ROWS) {
        const value = (<usize>(token * heads + head) * <usize>valueDim + <usize>first) << 2;
        rowsBackward(
          q + key, k + key, v + value, decay + gate, strength + gate, dOut + value,
          dq + key, dk + key, dv + value, dDecay + gate, dStrength + gate,
          own, length, span, min(ROWS, valueDim - first), keyDim, delta, scale,
          keyRow, <usize>(heads * valueDim) << 2, <usize>heads << 2,
        );
      }
    }
  }
}

/** Gradients by some rows of S of one head; those of q, k, decay and strength are added to. */
function rowsBackward(
  q: usize, k: usize, v: usize, decay: usize, strength: usize, dOut: usize,
  dq: usize, dk: usize, dv: usize, dDecay: usize, dStrength: usize,
  work: usize, length: i32, span: i32, rows: i32, keyDim: i32, delta: i32, scale: f32,
  keyRow: usize, valueRow: usize, gateRow: usize,
): void {
  const rowBytes = <usize>keyDim << 2;
  const block = <usize>ROWS * rowBytes;
  const marks = (length + span - 1) / span;
  const before = work + <usize>marks * block;
  const s = before + <usize>span * block;
  const ds = s + block;
  memory.fill(s, 0, block);
  memory.fill(ds, 0, block);
  for (let t = 0; t < length; t++) {
    if (t % span == 0) memory.copy(work + <usize>(t / span) * block, s, block);
    advance(s, k + <usize>t * keyRow, v + <usize>t * valueRow, decay + <usize>t * gateRow, strength + <usize>t * gateRow, rows, keyDim, delta);
  }
  for (let mark = marks - 1; mark >= 0; mark--) {
    const start = mark * span;
    const end = min(length, start + span);
    memory.copy(s, work + <usize>mark * block, block);
    for (let t = start; t < end; t++) {
      memory.copy(before + <usize>(t - start) * block, s, block);
      advance(s, k + <usize>t * keyRow, v + <usize>t * valueRow, decay + <usize>t * gateRow, strength + <usize>t * gateRow, rows, keyDim, delta);
    }
    for (let t = end - 1; t >= start; t--) {
      const key = <usize>t * keyRow, value = <usize>t * valueRow, gate = <usize>t * gateRow;
      const kept = expOf(load<f32>(decay + gate));
      const by = load<f32>(strength + gate);
      let forDecay = vsplat(0);
      let forStrength: f32 = 0;
      for (let row = 0; row < rows; row++) {
        const place = value + (<usize>row << 2);
        const at = before + <usize>(t - start) * block + <usize>row * rowBytes;
        const over = ds + <usize>row * rowBytes;
        const rest = left(at, k + key, load<f32>(v + place), kept, keyDim, delta);
        const written = vmul(vsplat(by), rest);
        const dWritten = outputBackward(
          at, over, q + key, k + key, dq + key, kept, written, scale * load<f32>(dOut + place), keyDim,
        );
        store<f32>(dv + place, by * dWritten);
        forStrength += firstOf(rest) * dWritten;
        const dHeld: f32 = delta ? -by * dWritten : 0;
        forDecay = vadd(forDecay, stateBackward(at, over, k + key, dk + key, kept, written, vsplat(dHeld), keyDim));
      }
      store<f32>(dDecay + gate, load<f32>(dDecay + gate) + vsum(forDecay));
      store<f32>(dStrength + gate, load<f32>(dStrength + gate) + forStrength);
    }
  }
}

/** The number that all lanes hold. */
// @ts-ignore: decorator
@inline function firstOf(x: V): f32 {
  return vsum(x) / <f32>LANES;
}

/** Rows of S by one token, without output. */
function advance(
  s: usize, k: usize, v: usize, decay: usize, strength: usize, rows: i32, keyDim: i32, delta: i32,
): void {
  const kept = expOf(load<f32>(decay));
  const by = vsplat(load<f32>(strength));
  for (let row = 0; row < rows; row++) {
    const at = s + (<usize>(row * keyDim) << 2);
    step(at, k, 0, kept, vmul(by, left(at, k, load<f32>(v + (<usize>row << 2)), kept, keyDim, delta)), keyDim);
  }
}

/** dq += seed·S and dS += seed·q, of S behind the token. @returns dS·k, the gradient of what was written */
function outputBackward(
  s: usize, ds: usize, q: usize, k: usize, dq: usize, kept: V, written: V, seed: f32, n: i32,
): f32 {
  const factor = vsplat(seed);
  let sum = vsplat(0);
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const key = vloadPart(k + at, n - i, 0);
    const after = vmadd(written, key, vmul(kept, vloadPart(s + at, n - i, 0)));
    vstorePart(dq + at, vmadd(factor, after, vloadPart(dq + at, n - i, 0)), n - i);
    const gradient = vmadd(factor, vloadPart(q + at, n - i, 0), vloadPart(ds + at, n - i, 0));
    vstorePart(ds + at, gradient, n - i);
    sum = vmadd(gradient, key, sum);
  }
  return vsum(sum);
}

/** dk += written·dS + dHeld·e^g·S, and dS before the token. @returns what sums up to the gradient of g */
function stateBackward(s: usize, ds: usize, k: usize, dk: usize, kept: V, written: V, dHeld: V, n: i32): V {
  let sum = vsplat(0);
  for (let i = 0; i < n; i += LANES) {
    const at = <usize>i << 2;
    const held = vmul(kept, vloadPart(s + at, n - i, 0));
    const gradient = vloadPart(ds + at, n - i, 0);
    const both = vmadd(dHeld, held, vmadd(written, gradient, vloadPart(dk + at, n - i, 0)));
    vstorePart(dk + at, both, n - i);
    const through = vmadd(dHeld, vloadPart(k + at, n - i, 0), gradient);
    sum = vmadd(through, held, sum);
    vstorePart(ds + at, vmul(kept, through), n - i);
  }
  return sum;
}
