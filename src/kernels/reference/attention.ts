import type { AttentionShape, Kernels } from '../contract.ts';

/** Offsets of one query's and one key's head in their arrays. */
function locate(shape: AttentionShape) {
  const { length, capacity, heads, kvHeads, headDim } = shape;
  return {
    query: (sequence: number, token: number, head: number) => ((sequence * length + token) * heads + head) * headDim,
    key: (sequence: number, token: number, head: number) =>
      ((sequence * capacity + token) * kvHeads + Math.floor(head / (heads / kvHeads))) * headDim,
  };
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number, n: number): number {
  let sum = 0;
  for (let l = 0; l < n; l++) sum += a[i + l] * b[j + l];
  return sum;
}

/** The first key that a query sees, and the one after the last. */
function seenKeys(
  { past, length, window = Infinity, chunk, causal = true }: AttentionShape,
  token: number,
): [number, number] {
  const position = past + token;
  const first = chunk === undefined ? Math.max(0, position - window + 1) : position - (position % chunk);
  const last = chunk === undefined ? position + window : first + chunk;
  return [first, causal ? position + 1 : Math.min(past + length, last)];
}

function scaled(score: number, { scale, headDim }: AttentionShape): number {
  return scale === undefined ? score / Math.sqrt(headDim) : score * scale;
}

function capped(score: number, { softcap }: AttentionShape): number {
  return softcap === undefined ? score : softcap * Math.tanh(score / softcap);
}

/** Slope of `capped`. */
function capSlope(score: number, { softcap }: AttentionShape): number {
  return softcap === undefined ? 1 : 1 - Math.tanh(score / softcap) ** 2;
}

/** Shares of the scores; a sink is one more score, whose share is left out. */
function softmax(keys: number[], sink = -Infinity): number[] {
  const scores = [...keys, sink];
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scores.map((score) => Math.exp(score - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.slice(0, -1).map((weight) => weight / total);
}

function forEachQuery(shape: AttentionShape, visit: (sequence: number, token: number, head: number) => void): void {
  for (let sequence = 0; sequence < shape.sequences; sequence++) {
    for (let token = 0; token < shape.length; token++) {
      for (let head = 0; head < shape.heads; head++) visit(sequence, token, head);
    }
  }
}

export const attentionKernels: Pick<Kernels, 'attention' | 'attentionBackward'> = {
  attention: (q, k, v, out, shape, sinks) => {
    const { headDim } = shape;
    const { query, key } = locate(shape);
    forEachQuery(shape, (sequence, token, head) => {
      const at = query(sequence, token, head);
      const [from, end] = seenKeys(shape, token);
      const keyAt = (other: number) => key(sequence, from + other, head);
      const scores = Array.from({ length: end - from }, (_, other) => dot(q, at, k, keyAt(other), headDim));
      const p = softmax(
        scores.map((score) => capped(scaled(score, shape), shape)),
        sinks?.[head],
      );
      for (let d = 0; d < headDim; d++)
        out[at + d] = p.reduce((sum, weight, other) => sum + weight * v[keyAt(other) + d], 0);
    });
  },

  // dS = P∘(dP − Σ P∘dP), the softmax's Jacobian, times the slope of the cap.
  attentionBackward: (q, k, v, dOut, dq, dk, dv, shape, sinks) => {
    const { headDim } = shape;
    const { query, key } = locate(shape);
    const sums = {
      dk: new Float64Array(dk.length),
      dv: new Float64Array(dv.length),
      dSinks: new Float64Array(shape.heads),
    };
    forEachQuery(shape, (sequence, token, head) => {
      const at = query(sequence, token, head);
      const [from, end] = seenKeys(shape, token);
      const keyAt = (other: number) => key(sequence, from + other, head);
      const products = Array.from({ length: end - from }, (_, other) => dot(q, at, k, keyAt(other), headDim));
      const scores = products.map((product) => scaled(product, shape));
      const p = softmax(
        scores.map((score) => capped(score, shape)),
        sinks?.values[head],
      );
      const dp = p.map((_, other) => dot(dOut, at, v, keyAt(other), headDim));
      const mean = p.reduce((sum, weight, other) => sum + weight * dp[other], 0);
      // What keys do not get, the sink does.
      sums.dSinks[head] -= (1 - p.reduce((sum, weight) => sum + weight, 0)) * mean;
      const ds = p.map((weight, other) => scaled(weight * (dp[other] - mean), shape) * capSlope(scores[other], shape));
      for (let d = 0; d < headDim; d++) {
        dq[at + d] = ds.reduce((sum, slope, other) => sum + slope * k[keyAt(other) + d], 0);
        for (let other = 0; other < p.length; other++) {
          sums.dk[keyAt(other) + d] += ds[other] * q[at + d];
          sums.dv[keyAt(other) + d] += p[other] * dOut[at + d];
        }
      }
    });
    dk.set(sums.dk);
    dv.set(sums.dv);
    sinks?.gradient.set(sums.dSinks);
  },
};
