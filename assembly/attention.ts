/**
 * Grouped-query attention, tile of queries by tile of queries on the matrix products of gemm.ts. A thread owns whole
 * tiles (forward) or whole key heads (backward), and `work` of its own for scores.
 *
 * The query at position p sees the keys from p − window + 1 to p; without a causal mask to p + window − 1. A tile of
 * queries reads the keys that any of them sees, a band: row i of its scores starts and ends one key after row i − 1.
 * In chunks it sees those from the start of its own chunk on. No window is `NO_DIAGONAL`; no chunk, no cap on scores and
 * no sinks are 0. A head's sink is one more score in the sum of a softmax, of a key that has no value.
 */
import { NO_DIAGONAL, product } from './gemm';
import {
  dadd, dmadd, dsum, dzero, LANES, vloadPart, vmax, vmaximum, vmul, vsplat, vstorePart, vsub,
} from './lanes';
import { vexp } from './exp';
import { vtanh } from './tanh';

/** Queries per tile, whole tiles of the micro-kernel. Longer ones would pack keys more rarely but compute more scores above the diagonal. */
const QUERIES: i32 = 66;

/** First key that the query at `position` sees. */
// @ts-ignore: decorator
@inline function firstKey(position: i32, window: i32, chunk: i32): i32 {
  return chunk ? position - position % chunk : max(0, position - window + 1);
}

/** Keys from the first of a tile to the first that its first query sees; chunks begin in one place for many queries. */
// @ts-ignore: decorator
@inline function startOf(position: i32, window: i32, chunk: i32, from: i32): i32 {
  return chunk ? -NO_DIAGONAL : position - window + 1 - from;
}

/** The score of a head's sink; −∞ without. */
// @ts-ignore: decorator
@inline function sinkOf(sinks: usize, head: i32): f32 {
  return sinks ? load<f32>(sinks + (<usize>head << 2)) : -Infinity;
}

/** The key after the last that the query at `position` sees, of `keys`. */
// @ts-ignore: decorator
@inline function endKey(position: i32, window: i32, chunk: i32, causal: i32, keys: i32): i32 {
  if (causal) return position + 1;
  return min(keys, chunk ? firstKey(position, window, chunk) + chunk : position + window);
}

/**
 * q, out [sequences·length, heads·headDim]; k, v [sequences, capacity, kvHeads·headDim].
 * @param sinks [heads], of scores already scaled, or 0
 * @param work per thread QUERIES rows of `workRow` floats, as many as a tile sees keys
 */
export function attention(
  q: usize, k: usize, v: usize, out: usize, sinks: usize, sequences: i32, length: i32, past: i32, capacity: i32,
  heads: i32, kvHeads: i32, headDim: i32, window: i32, chunk: i32, causal: i32, scale: f32, softcap: f32,
  work: usize, workRow: i32, ith: i32, nth: i32,
): void {
  const scores = work + <usize>(ith * QUERIES) * <usize>workRow * 4;
  const rowBytes = <usize>workRow * 4;
  const qRow = heads * headDim;
  const kvRow = kvHeads * headDim;
  const keys = past + length;
  const units = sequences * heads;
  for (let unit = 0; unit < units; unit++) {
    const sequence = unit / heads;
    const head = unit % heads;
    const query = (<usize>sequence * <usize>length * <usize>qRow + <usize>(head * headDim)) * 4;
    const key = (<usize>sequence * <usize>capacity * <usize>kvRow + <usize>((head / (heads / kvHeads)) * headDim)) * 4;
    // Later tiles are longer: shifting the deal by the unit spreads them over the threads.
    for (let tile = 0; tile * QUERIES < length; tile++) {
      if ((tile + unit) % nth != ith) continue;
      const first = tile * QUERIES;
      const rows = min(QUERIES, length - first);
      const position = past + first;
      const from = firstKey(position, window, chunk);
      const seen = endKey(position + rows - 1, window, chunk, causal, keys) - from;
      const start = startOf(position, window, chunk, from);
      const diagonal = position + (causal ? 0 : window - 1) - from;
      const at = query + <usize>first * <usize>qRow * 4;
      const keyAt = key + <usize>from * <usize>kvRow * 4;
      product(
        q + at, qRow, 1, k + keyAt, 1, kvRow, scores, workRow, rows, seen, headDim, false, diagonal, NO_DIAGONAL, start,
      );
      for (let row = 0; row < rows; row++) {
        const line = scores + <usize>row * rowBytes;
        const own = firstKey(position + row, window, chunk) - from;
        const end = endKey(position + row, window, chunk, causal, keys) - from;
        if (softcap != 0) capRow(line, 0, own, end, scale, softcap);
        softmaxRow(line, own, end, seen, softcap != 0 ? 1 : scale, sinkOf(sinks, head));
      }
      product(
        scores, workRow, 1, v + keyAt, kvRow, 1, out + at, qRow, rows, headDim, seen, false, NO_DIAGONAL, diagonal,
        -NO_DIAGONAL, start,
      );
    }
  }
}

/** x[from..end] = cap·tanh(scale·x/cap); the tangents go to `tangents` when given. */
function capRow(x: usize, tangents: usize, from: i32, end: i32, scale: f32, cap: f32): void {
  const factor = vsplat(<f32>(<f64>scale / cap));
  for (let i = from; i < end; i += LANES) {
    const at = <usize>i << 2;
    const tangent = vtanh(vmul(vloadPart(x + at, end - i, 0), factor));
    vstorePart(x + at, vmul(tangent, vsplat(cap)), end - i);
    if (tangents) vstorePart(tangents + at, tangent, end - i);
  }
}

/**
 * x[from..end] = softmax(scale·x[from..end]), `sink` one more score in its sum; the rest of x[0..total] = 0.
 * @returns what the sink gets
 */
function softmaxRow(x: usize, from: i32, end: i32, total: i32, scale: f32, sink: f32): f64 {
  let highest = vsplat(-Infinity);
  for (let i = from; i < end; i += LANES) highest = vmax(highest, vloadPart(x + (<usize>i << 2), end - i, -Infinity));
  const top = sink == -Infinity ? vmaximum(highest) : max(vmaximum(highest), sink / scale);
  const shift = vsplat(top);
  const factor = vsplat(scale);
  let sum = dzero();
  for (let i = from; i < end; i += LANES) {
    const at = x + (<usize>i << 2);
    const weight = vexp(vmul(vsub(vloadPart(at, end - i, -Infinity), shift), factor));
    sum = dadd(sum, weight);
    vstorePart(at, weight, end - i);
  }
  const rest = Math.exp(<f64>sink - <f64>top * <f64>scale);
  const inverse = 1 / (dsum(sum) + rest);
  const normal = vsplat(<f32>inverse);
  for (let i = from; i < end; i += LANES) {
    const at = x + (<usize>i << 2);
    vstorePart(at, vmul(vloadPart(at, end - i, 0), normal), end - i);
  }
  clearOutside(x, from, end, total);
  return rest * inverse;
}

function clearOutside(x: usize, from: i32, end: i32, total: i32): void {
  memory.fill(x, 0, <usize>from * 4);
  memory.fill(x + <usize>end * 4, 0, <usize>(total - end) * 4);
}

/**
 * ds[from..end] = p∘(ds − Σ p∘ds)·scale, the rest of ds[0..total] = 0: the Jacobian of softmax applied to ds.
 * @returns Σ p∘ds
 */
function softmaxBackwardRow(p: usize, ds: usize, from: i32, end: i32, total: i32, scale: f32): f64 {
  let sum = dzero();
  for (let i = from; i < end; i += LANES) {
    const at = <usize>i << 2;
    sum = dmadd(vloadPart(p + at, end - i, 0), vloadPart(ds + at, end - i, 0), sum);
  }
  const along = dsum(sum);
  const mean = vsplat(<f32>along);
  const factor = vsplat(scale);
  for (let i = from; i < end; i += LANES) {
    const at = <usize>i << 2;
    const slope = vmul(vmul(vloadPart(p + at, end - i, 0), factor), vsub(vloadPart(ds + at, end - i, 0), mean));
    vstorePart(ds + at, slope, end - i);
  }
  clearOutside(ds, from, end, total);
  return along;
}

/** ds[from..end] *= 1 − tangent²: back through the cap of scores. */
function capBackwardRow(ds: usize, tangents: usize, from: i32, end: i32): void {
  for (let i = from; i < end; i += LANES) {
    const at = <usize>i << 2;
    const tangent = vloadPart(tangents + at, end - i, 0);
    vstorePart(ds + at, vmul(vloadPart(ds + at, end - i, 0), vsub(vsplat(1), vmul(tangent, tangent))), end - i);
  }
}

/**
 * Gradients of `attention` with past = 0 and capacity = length.
 * @param dSinks [sequences, heads], or 0
 * @param work per thread 2 · QUERIES rows (3 · QUERIES with a cap) of `workRow` floats, as many as a tile sees keys
 */
export function attentionBackward(
  q: usize, k: usize, v: usize, dOut: usize, dq: usize, dk: usize, dv: usize, sinks: usize, dSinks: usize,
  sequences: i32, length: i32, heads: i32, kvHeads: i32, headDim: i32, window: i32, chunk: i32, causal: i32,
  scale: f32, softcap: f32, work: usize, workRow: i32, ith: i32, nth: i32,
): void {
  const matrix = <usize>QUERIES * <usize>workRow * 4;
  const own = work + <usize>ith * (softcap != 0 ? 3 : 2) * matrix;
  const group = heads / kvHeads;
  const kvRow = kvHeads * headDim;
  for (let unit = ith; unit < sequences * kvHeads; unit += nth) {
    const sequence = unit / kvHeads;
    const kvHead = unit % kvHeads;
    const key = (<usize>sequence * <usize>length * <usize>kvRow + <usize>(kvHead * headDim)) * 4;
    for (let token = 0; token < length; token++) {
      const at = key + <usize>token * <usize>kvRow * 4;
      memory.fill(dk + at, 0, <usize>headDim * 4);
      memory.fill(dv + at, 0, <usize>headDim * 4);
    }
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      const query = (<usize>sequence * <usize>length * <usize>(heads * headDim) + <usize>(head * headDim)) * 4;
      const bySink = headBackward(
        q + query, k + key, v + key, dOut + query, dq + query, dk + key, dv + key,
        length, heads * headDim, kvRow, headDim, window, chunk, causal, scale, softcap, sinkOf(sinks, head),
        own, own + matrix, own + 2 * matrix, workRow,
      );
      if (dSinks) store<f32>(dSinks + <usize>(sequence * heads + head) * 4, <f32>bySink);
    }
  }
}

/**
 * Gradients of one head; dk and dv are added to. `p`, `ds` and, with a cap, `tangents` are one tile's scores each.
 * @returns the gradient of the sink: −Σ over queries of its share times Σ p∘dp
 */
function headBackward(
  q: usize, k: usize, v: usize, dOut: usize, dq: usize, dk: usize, dv: usize,
  length: i32, qRow: i32, kvRow: i32, headDim: i32, window: i32, chunk: i32, causal: i32, scale: f32, softcap: f32,
  sink: f32, p: usize, ds: usize, tangents: usize, workRow: i32,
): f64 {
  let bySink: f64 = 0;
  for (let first = 0; first < length; first += QUERIES) {
    const rows = min(QUERIES, length - first);
    const from = firstKey(first, window, chunk);
    const seen = endKey(first + rows - 1, window, chunk, causal, length) - from;
    const start = startOf(first, window, chunk, from);
    const diagonal = first + (causal ? 0 : window - 1) - from;
    const at = <usize>first * <usize>qRow * 4;
    const key = <usize>from * <usize>kvRow * 4;
    product(q + at, qRow, 1, k + key, 1, kvRow, p, workRow, rows, seen, headDim, false, diagonal, NO_DIAGONAL, start);
    product(dOut + at, qRow, 1, v + key, 1, kvRow, ds, workRow, rows, seen, headDim, false, diagonal, NO_DIAGONAL, start);
    for (let row = 0; row < rows; row++) {
      const line = <usize>row * <usize>workRow * 4;
      const own = firstKey(first + row, window, chunk) - from;
      const end = endKey(first + row, window, chunk, causal, length) - from;
      if (softcap != 0) capRow(p + line, tangents + line, own, end, scale, softcap);
      const share = softmaxRow(p + line, own, end, seen, softcap != 0 ? 1 : scale, sink);
      bySink -= share * softmaxBackwardRow(p + line, ds + line, own, end, seen, scale);
      if (softcap != 0) capBackwardRow(ds + line, tangents + line, own, end);
    }
    product(
      ds, workRow, 1, k + key, kvRow, 1, dq + at, qRow, rows, headDim, seen, false, NO_DIAGONAL, diagonal,
      -NO_DIAGONAL, start,
    );
    product(p, 1, workRow, dOut + at, qRow, 1, dv + key, kvRow, seen, headDim, rows, true, NO_DIAGONAL, NO_DIAGONAL);
    product(ds, 1, workRow, q + at, qRow, 1, dk + key, kvRow, seen, headDim, rows, true, NO_DIAGONAL, NO_DIAGONAL);
  }
  return bySink;
}
