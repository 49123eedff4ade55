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

/** Attention probabilities of one query over its `count` keys. */
function probabilities(
  q: Float32Array,
  at: number,
  k: Float32Array,
  key: (token: number) => number,
  count: number,
  n: number,
) {
  const scores = Array.from({ length: count }, (_, token) => dot(q, at, k, key(token), n) / Math.sqrt(n));
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scores.map((score) => Math.exp(score - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

function forEachQuery(shape: AttentionShape, visit: (sequence: number, token: number, head: number) => void): void {
  for (let sequence = 0; sequence < shape.sequences; sequence++) {
    for (let token = 0; token < shape.length; token++) {
      for (let head = 0; head < shape.heads; head++) visit(sequence, token, head);
    }
  }
}

export const attentionKernels: Pick<Kernels, 'attention' | 'attentionBackward'> = {
  attention: (q, k, v, out, shape) => {
    const { headDim, past } = shape;
    const { query, key } = locate(shape);
    forEachQuery(shape, (sequence, token, head) => {
      const at = query(sequence, token, head);
      const keyAt = (other: number) => key(sequence, other, head);
      const p = probabilities(q, at, k, keyAt, past + token + 1, headDim);
      for (let d = 0; d < headDim; d++)
        out[at + d] = p.reduce((sum, weight, other) => sum + weight * v[keyAt(other) + d], 0);
    });
  },

  // dS = P∘(dP − Σ P∘dP), the softmax's Jacobian.
  attentionBackward: (q, k, v, dOut, dq, dk, dv, shape) => {
    const { headDim } = shape;
    const { query, key } = locate(shape);
    const sums = { dk: new Float64Array(dk.length), dv: new Float64Array(dv.length) };
    forEachQuery(shape, (sequence, token, head) => {
      const at = query(sequence, token, head);
      const keyAt = (other: number) => key(sequence, other, head);
      const p = probabilities(q, at, k, keyAt, token + 1, headDim);
      const dp = p.map((_, other) => dot(dOut, at, v, keyAt(other), headDim));
      const mean = p.reduce((sum, weight, other) => sum + weight * dp[other], 0);
      const ds = p.map((weight, other) => (weight * (dp[other] - mean)) / Math.sqrt(headDim));
      for (let d = 0; d < headDim; d++) {
        dq[at + d] = ds.reduce((sum, slope, other) => sum + slope * k[keyAt(other) + d], 0);
        for (let other = 0; other <= token; other++) {
          sums.dk[keyAt(other) + d] += ds[other] * q[at + d];
          sums.dv[keyAt(other) + d] += p[other] * dOut[at + d];
        }
      }
    });
    dk.set(sums.dk);
    dv.set(sums.dv);
  },
};
