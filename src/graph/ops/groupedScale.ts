import type { Op } from '../types.ts';
import { matrixOf, requireWidth, shareOf } from './checks.ts';
import { ownRows } from './experts.ts';
import { einsumOf, shapeIn } from './primitives/algebra.ts';

/** Rows of every expert times its own factor: inputs y [slots, n], factors [experts], offsets [experts + 1]. */
export const groupedScale: Op = {
  name: 'groupedScale',
  infer: ([y, factors, offsets]) => {
    matrixOf('groupedScale', y);
    requireWidth('groupedScale', 'factors', factors!.shape[0] as number, (offsets!.shape[0] as number) - 1);
    return [{ type: 'f32', shape: y!.shape }];
  },
  lower: ({ inputs: [y, factors, offsets], outputs: [out] }, lowering) => [
    {
      kernel: 'groupedScale',
      operands: [y!, factors!, offsets!, out],
      sizes: { n: matrixOf('groupedScale', lowering.typeOf(y!)).width },
      attributes: {},
    },
  ],
  expand: ({ inputs: [y, factors, offsets] }, build) => {
    const own = ownRows(build, offsets!, shapeIn(build, y!)[0]);
    return [einsumOf(build, 'er,e,rn->rn', [own, factors!, y!])];
  },
  vjp: ({ inputs: [y, factors, offsets] }, [dy], build) => [
    (addend) => shareOf(build, build.node('groupedScale', [dy!, factors, offsets]))(addend),
    (addend) => shareOf(build, build.node('groupedScaleGradient', [y, dy!, offsets]))(addend),
    null,
  ],
};

/** Σ over the rows of every expert of y · dy, [experts]: the gradient of its factor. */
export const groupedScaleGradient: Op = {
  name: 'groupedScaleGradient',
  infer: ([, , offsets]) => [{ type: 'f32', shape: [(offsets!.shape[0] as number) - 1] }],
  lower: ({ inputs: [y, dy, offsets], outputs: [sums] }, lowering) => [
    {
      kernel: 'groupedScaleGradient',
      operands: [y!, dy!, offsets!, sums],
      sizes: { n: matrixOf('groupedScaleGradient', lowering.typeOf(y!)).width },
      attributes: {},
    },
  ],
  expand: ({ inputs: [y, dy, offsets] }, build) => {
    const own = ownRows(build, offsets!, shapeIn(build, y!)[0]);
    return [einsumOf(build, 'er,rn,rn->e', [own, y!, dy!])];
  },
};
