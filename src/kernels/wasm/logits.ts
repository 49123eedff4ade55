import type { Kernels } from '../contract.ts';
import { requireLength } from './matmul.ts';
import type { Team } from './team.ts';

/** Passes over a row and an exponential in one of them, in multiply-adds per value. */
const PER_VALUE = 15;

export function logitKernels(team: Team): Pick<Kernels, 'logSoftmax' | 'sampledScore' | 'compareLogits'> {
  const at = team.address;
  return {
    logSoftmax: (x, n) => team.dispatch('logSoftmax', [at(x), x.length / n, n], PER_VALUE * x.length),
    sampledScore: (logits, uniform, curvature, probability, n) => {
      const rows = uniform.length;
      requireLength('logits', logits, rows * n);
      requireLength('curvature', curvature, rows);
      if (probability) requireLength('probability', probability, n);
      const labels = team.allocate(rows * 4);
      try {
        team.dispatch('sampleRows', [at(logits), at(uniform), at(curvature), labels, rows, n], PER_VALUE * rows * n);
        const sums = probability ? at(probability) : 0;
        team.dispatch('sampleColumns', [at(logits), sums, labels, rows, n], probability ? rows * n : rows);
      } finally {
        team.release(labels);
      }
    },
    compareLogits: (p, q, labels, n, { kl, nllP, nllQ, agree }) => {
      const rows = labels.length;
      requireLength('p', p, rows * n);
      requireLength('q', q, rows * n);
      if (labels.some((label) => label >= n)) throw new RangeError(`compareLogits got a label beyond ${n} entries`);
      for (const array of [kl, nllP, nllQ, agree]) requireLength('result', array, rows);
      const args = [at(p), at(q), at(labels), at(kl), at(nllP), at(nllQ), at(agree), rows, n];
      team.dispatch('compareLogits', args, 3 * PER_VALUE * rows * n);
    },
  };
}
