import type { Kernels } from '../contract.ts';

/** Log-probabilities of one row of logits, in float64. */
function logProbabilities(row: Float32Array): Float64Array {
  const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  return Float64Array.from(row, (logit) => logit - highest - Math.log(total));
}

/** The first index of the largest value. */
function mostProbable(row: Float64Array): number {
  return row.reduce((best, value, index) => (value > row[best] ? index : best), 0);
}

export const logitKernels: Pick<Kernels, 'logSoftmax' | 'sampledScore' | 'compareLogits'> = {
  logSoftmax: (x, n) => {
    for (let start = 0; start < x.length; start += n) x.set(logProbabilities(x.subarray(start, start + n)), start);
  },

  sampledScore: (logits, uniform, curvature, probability, n) => {
    uniform.forEach((draw, row) => {
      const g = logits.subarray(row * n, row * n + n);
      const p = logProbabilities(g).map(Math.exp);
      curvature[row] = 1 - p.reduce((sum, value) => sum + value * value, 0);
      let label = 0;
      for (let sum = p[0]; sum <= draw && label < n - 1; ) sum += p[++label];
      for (let i = 0; i < n; i++) {
        g[i] = (i === label ? 1 : 0) - p[i];
        if (probability) probability[i] += p[i];
      }
    });
  },

  compareLogits: (p, q, labels, n, { kl, nllP, nllQ, agree }) => {
    labels.forEach((label, row) => {
      const logP = logProbabilities(p.subarray(row * n, row * n + n));
      const logQ = logProbabilities(q.subarray(row * n, row * n + n));
      // Terms p·log(p/q) + q − p are never negative and sum to the same as p·log(p/q).
      kl[row] = logP.reduce((sum, log, i) => sum + divergenceTerm(log, logQ[i]), 0);
      nllP[row] = label < 0 ? 0 : -logP[label];
      nllQ[row] = label < 0 ? 0 : -logQ[label];
      agree[row] = mostProbable(logP) === mostProbable(logQ) ? 1 : 0;
    });
  },
};

function divergenceTerm(logP: number, logQ: number): number {
  if (logP === -Infinity) return Math.exp(logQ);
  const difference = logQ - logP;
  return Math.exp(logP) * (Math.expm1(difference) - difference);
}
