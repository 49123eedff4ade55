import type { Attributes, Builder, Op, ValueId } from '../../types.ts';
import { numberOf, shareOf } from '../checks.ts';
import { minus, times } from './algebra.ts';

/** An op that works on every number by itself. @param slope dy · f′(x), from x, y = f(x) and dy */
function elementwise(
  name: string,
  slope: (build: Builder, at: { x: ValueId; y: ValueId; dy: ValueId }, attributes: Attributes) => ValueId,
): Op {
  return {
    name,
    primitive: true,
    infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
    lower: ({ inputs: [x], outputs: [y], attributes }) => [{ kernel: name, operands: [x!, y], sizes: {}, attributes }],
    vjp: ({ inputs: [x], outputs: [y], attributes }, [dy], build) => [
      (addend) => shareOf(build, slope(build, { x: x!, y, dy: dy! }, attributes))(addend),
    ],
  };
}

export const exp = elementwise('exp', (build, { y, dy }) => times(build, [dy, y]));

export const log = elementwise('log', (build, { x, dy }) =>
  times(build, [dy, build.node('power', [x], { exponent: -1 })]),
);

/** x to the power of attribute `exponent`. */
export const power: Op = {
  ...elementwise('power', (build, { x, dy }, attributes) => {
    const exponent = numberOf(attributes, 'exponent');
    return times(build, [dy, build.node('power', [x], { exponent: exponent - 1 })], exponent);
  }),
  infer: ([x], attributes) => {
    numberOf(attributes, 'exponent');
    return [{ type: 'f32', shape: x!.shape }];
  },
};

export const tanh = elementwise('tanh', (build, { y, dy }) => minus(build, dy, times(build, [dy, y, y])));

/** 2/√π · ∫₀ˣ exp(−t²) dt. */
export const erf = elementwise('erf', (build, { x, dy }) =>
  times(build, [dy, build.node('exp', [times(build, [x, x], -1)])], 2 / Math.sqrt(Math.PI)),
);

/**
 * To the nearest whole number, halves up. Its gradient is that of x, straight through, since its own is 0.
 * @see Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons" (2013)
 */
export const round = elementwise('round', (_, { dy }) => dy);
