import type { Op } from '../types.ts';
import { countSize, numberOf, shareOf } from './checks.ts';
import { einsumOf, powerOf, reshaped, shapeIn, shifted } from './primitives/algebra.ts';
import { countIn } from './primitives/shapes.ts';

/** y = x / rms(x) · gain over groups as wide as the gain: whole rows, or the heads within them. */
export const rmsNorm: Op = {
  name: 'rmsNorm',
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [x, gain], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'rmsNorm',
      operands: [x!, gain!, y],
      sizes: { n: countSize(lowering.typeOf(gain!).shape) },
      attributes: { epsilon: numberOf(attributes, 'epsilon') },
    },
  ],
  expand: ({ inputs: [x, gain], attributes }, build) => {
    const [shape, [n]] = [shapeIn(build, x!), shapeIn(build, gain!)];
    // Rows of no values have no groups.
    const groups = reshaped(build, x!, [n === 0 ? 0 : countIn(shape) / n, n]);
    const squares = einsumOf(build, 'gn,gn->g', [groups, groups], { factor: n === 0 ? 1 : 1 / n });
    const inverse = powerOf(build, shifted(build, squares, numberOf(attributes, 'epsilon')), -0.5);
    return [reshaped(build, einsumOf(build, 'gn,g,n->gn', [groups, inverse, gain!]), shape)];
  },
  vjp: ({ inputs: [x, gain], attributes }, [dy], build) => [
    (addend) => shareOf(build, build.node('rmsNormBackward', [x, gain, dy!], attributes))(addend),
    (addend) => shareOf(build, build.node('rmsNormGainGradient', [x, gain, dy!], attributes))(addend),
  ],
};

/** dx from dy. */
export const rmsNormBackward: Op = {
  name: 'rmsNormBackward',
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [x, gain, dy], outputs: [dx], attributes }, lowering) => [
    {
      kernel: 'rmsNormBackward',
      operands: [x!, gain!, dy!, dx],
      sizes: { n: countSize(lowering.typeOf(gain!).shape) },
      attributes: { epsilon: numberOf(attributes, 'epsilon') },
    },
  ],
};

/** d gain = Σ over groups of x / rms(x) · dy. */
export const rmsNormGainGradient: Op = {
  name: 'rmsNormGainGradient',
  infer: ([, gain]) => [{ type: 'f32', shape: gain!.shape }],
  lower: ({ inputs: [x, gain, dy], outputs: [out], attributes }, lowering) => [
    {
      kernel: 'rmsNormGainGradient',
      operands: [x!, dy!, out],
      sizes: { n: countSize(lowering.typeOf(gain!).shape) },
      attributes: { epsilon: numberOf(attributes, 'epsilon') },
    },
  ],
};
