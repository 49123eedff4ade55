/**
 * Causal grouped-query attention, tile of queries by tile of queries on the matrix products of gemm.ts. A thread owns
 * whole tiles (forward) or whole key heads (backward), and `work` of its own for scores.
 */
import { NO_DIAGONAL, product } from './gemm';
import { dadd, dmadd, dsum, dzero, LANES, vloadPart, vmax, vmaximum, vmul, vsplat, vstorePart, vsub } from './lanes';
import { vexp } from './exp';

/** Queries per tile, whole tiles of the micro-kernel. Longer ones would pack keys more rarely but compute more scores above the diagonal. */
const QUERIES: i32 = 66;

/**
 * q, out [sequences·length, heads·headDim]; k, v [sequences, capacity, kvHeads·headDim].
 * @param work per thread QUERIES rows of `workRow` floats, workRow ≥ past + length
 */
export function attention(
  q: usize, k: usize, v: usize, out: usize, sequences: i32, length: i32, past: i32, capacity: i32,
  heads: i32, kvHeads: i32, headDim: i32, work: usize, workRow: i32, ith: i32, nth: i32,
): void {
  const scores = work + <usize>(ith * QUERIES) * <usize>workRow * 4;
  const scale = <f32>(1 / sqrt<f64>(headDim));
  const qRow = heads * headDim;
  const kvRow = kvHeads * headDim;
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
      const keys = past + first + rows;
      const at = query + <usize>first * <usize>qRow * 4;
      product(q + at, qRow, 1, k + key, 1, kvRow, scores, workRow, rows, keys, headDim, false, past + first, NO_DIAGONAL);
      for (let row = 0; row < rows; row++) {
        softmaxRow(scores + <usize>row * <usize>workRow * 4, past + first + row + 1, keys, scale);
      }
      product(scores, workRow, 1, v + key, kvRow, 1, out + at, qRow, rows, headDim, keys, false, NO_DIAGONAL, past + first);
    }
  }
}

/** x[0..count] = softmax(scale·x[0..count]), x[count..total] = 0. */
function softmaxRow(x: usize, count: i32, total: i32, scale: f32): void {
  let highest = vsplat(-Infinity);
  for (let i = 0; i < count; i += LANES) highest = vmax(highest, vloadPart(x + (<usize>i << 2), count - i, -Infinity));
  const shift = vsplat(vmaximum(highest));
  const factor = vsplat(scale);
  let sum = dzero();
  for (let i = 0; i < count; i += LANES) {
    const at = x + (<usize>i << 2);
    const weight = vexp(vmul(vsub(vloadPart(at, count - i, -Infinity), shift), factor));
    sum = dadd(sum, weight);
    vstorePart(at, weight, count - i);
  }
  const normal = vsplat(<f32>(1 / dsum(sum)));
  for (let i = 0; i < count; i += LANES) {
    const at = x + (<usize>i << 2);
    vstorePart(at, vmul(vloadPart(at, count - i, 0), normal), count - i);
  }
  memory.fill(x + <usize>count * 4, 0, <usize>(total - count) * 4);
}

/** ds[0..count] = p∘(ds − Σ p∘ds)·scale, ds[count..total] = 0: the Jacobian of softmax applied to ds. */
function softmaxBackwardRow(p: usize, ds: usize, count: i32, total: i32, scale: f32): void {
  let sum = dzero();
  for (let i = 0; i < count; i += LANES) {
    const at = <usize>i << 2;
    sum = dmadd(vloadPart(p + at, count - i, 0), vloadPart(ds + at, count - i, 0), sum);
  }
  const mean = vsplat(<f32>dsum(sum));
  const factor = vsplat(scale);
  for (let i = 0; i < count; i += LANES) {
    const at = <usize>i << 2;
    const slope = vmul(vmul(vloadPart(p + at, count - i, 0), factor), vsub(vloadPart(ds + at, count - i, 0), mean));
    vstorePart(ds + at, slope, count - i);
  }
  memory.fill(ds + <usize>count * 4, 0, <usize>(total - count) * 4);
}

/**
 * Gradients of `attention` with past = 0 and capacity = length.
 * @param work per thread 2 · QUERIES rows of `workRow` floats, workRow ≥ length
 */
export function attentionBackward(
  q: usize, k: usize, v: usize, dOut: usize, dq: usize, dk: usize, dv: usize, sequences: i32, length: i32,
  heads: i32, kvHeads: i32, headDim: i32, work: usize, workRow: i32, ith: i32, nth: i32,
): void {
  const p = work + <usize>(ith * 2 * QUERIES) * <usize>workRow * 4;
  const ds = p + <usize>QUERIES * <usize>workRow * 4;
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
      headBackward(
        q + query, k + key, v + key, dOut + query, dq + query, dk + key, dv + key,
        length, heads * headDim, kvRow, headDim, p, ds, workRow,
      );
    }
  }
}

/** Gradients of one head; dk and dv are added to. */
function headBackward(
  q: usize, k: usize, v: usize, dOut: usize, dq: usize, dk: usize, dv: usize,
  length: i32, qRow: i32, kvRow: i32, headDim: i32, p: usize, ds: usize, workRow: i32,
): void {
  const scale = <f32>(1 / sqrt<f64>(headDim));
  for (let first = 0; first < length; first += QUERIES) {
    const rows = min(QUERIES, length - first);
    const keys = first + rows;
    const at = <usize>first * <usize>qRow * 4;
    product(q + at, qRow, 1, k, 1, kvRow, p, workRow, rows, keys, headDim, false, first, NO_DIAGONAL);
    product(dOut + at, qRow, 1, v, 1, kvRow, ds, workRow, rows, keys, headDim, false, first, NO_DIAGONAL);
    for (let row = 0; row < rows; row++) {
      const line = <usize>row * <usize>workRow * 4;
      softmaxRow(p + line, first + row + 1, keys, scale);
      softmaxBackwardRow(p + line, ds + line, first + row + 1, keys, scale);
    }
    product(ds, workRow, 1, k, kvRow, 1, dq + at, qRow, rows, headDim, keys, false, NO_DIAGONAL, first);
    product(p, 1, workRow, dOut + at, qRow, 1, dv, kvRow, keys, headDim, rows, true, NO_DIAGONAL, NO_DIAGONAL);
    product(ds, 1, workRow, q + at, qRow, 1, dk, kvRow, keys, headDim, rows, true, NO_DIAGONAL, NO_DIAGONAL);
  }
}
