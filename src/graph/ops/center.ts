import type { Op } from '../types.ts';
import { matrixOf, shareOf } from './checks.ts';
import { einsumOf, minus, repeatedLast, shapeIn } from './primitives/algebra.ts';

/**
 * Every row less its mean: what LayerNorm does before it norms, center(x) / rms(center(x)). It takes away one direction of
 * the row, and so is its own gradient.
 * @see Ba, Kiros and Hinton, "Layer normalization" (2016)
 */
export const center: Op = {
  name: 'center',
  infer: ([x]) => {
    matrixOf('center', x);
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ inputs: [x], outputs: [y] }, lowering) => [
    {
      kernel: 'center',
      operands: [x!, y],
      sizes: { n: matrixOf('center', lowering.typeOf(x!)).width },
      attributes: {},
    },
  ],
  expand: ({ inputs: [x] }, build) => {
    const n = shapeIn(build, x!)[1];
    const means = einsumOf(build, 'tc->t', [x!], { factor: n === 0 ? 0 : 1 / n });
    return [minus(build, x!, repeatedLast(build, means, n))];
  },
  vjp: (_, [dy], build) => [(addend) => shareOf(build, build.node('center', [dy!]))(addend)],
};
