import type { Op, ValueId } from '../types.ts';
import { matrixOf, numberOf, once, shareOf } from './checks.ts';
import { einsumOf, minus, onRows, plus, powerOf, shapeIn, shifted } from './primitives/algebra.ts';

/**
 * y = (x − mean) / √(variance + ε) · gain + bias, column by column: inputs x [rows, n], mean, variance, gain, bias [n].
 * While training, mean and variance come from `batchStatistics`; afterwards they are weights.
 * @see Ioffe and Szegedy, "Batch normalization" (2015), algorithm 1
 */
export const batchNorm: Op = {
  name: 'batchNorm',
  infer: ([x], attributes) => {
    numberOf(attributes, 'epsilon');
    return [{ type: 'f32', shape: x!.shape }];
  },
  lower: ({ inputs, outputs: [y], attributes }) => [
    { kernel: 'batchNorm', operands: [...inputs.map((id) => id!), y], sizes: {}, attributes },
  ],
  expand: ({ inputs, attributes }, build) => {
    const [x, mean, variance, gain, bias] = inputs as ValueId[];
    const rows = shapeIn(build, x)[0];
    const inverse = powerOf(build, shifted(build, variance, numberOf(attributes, 'epsilon')), -0.5);
    const centred = minus(build, x, onRows(build, mean, rows));
    return [plus(build, einsumOf(build, 'tc,c,c->tc', [centred, inverse, gain]), onRows(build, bias, rows))];
  },
  vjp: (node, [dy], build) => {
    const [x, mean, variance, gain] = node.inputs;
    const gradients = once(() => build.nodes('batchNormBackward', [x, mean, variance, gain, dy!], node.attributes));
    return [0, 1, 2, 3, 4].map((i) => (addend) => shareOf(build, gradients()[i])(addend));
  },
};

/** Gradients at x, mean, variance, gain and bias. */
export const batchNormBackward: Op = {
  name: 'batchNormBackward',
  infer: ([x, mean]) => [x!, mean!, mean!, mean!, mean!].map(({ shape }) => ({ type: 'f32', shape })),
  lower: ({ inputs, outputs, attributes }) => [
    { kernel: 'batchNormBackward', operands: [...inputs.map((id) => id!), ...outputs], sizes: {}, attributes },
  ],
};

/** Mean and variance (divided by the number of rows) of every column. */
export const batchStatistics: Op = {
  name: 'batchStatistics',
  infer: ([x]) => {
    const { width } = matrixOf('batchStatistics', x);
    return [
      { type: 'f32', shape: [width] },
      { type: 'f32', shape: [width] },
    ];
  },
  lower: ({ inputs: [x], outputs: [mean, variance] }) => [
    { kernel: 'batchStatistics', operands: [x!, mean, variance], sizes: {}, attributes: {} },
  ],
  expand: ({ inputs: [x] }, build) => {
    const rows = shapeIn(build, x!)[0];
    const factor = 1 / Math.max(1, rows);
    const mean = einsumOf(build, 'tc->c', [x!], { factor });
    const centred = minus(build, x!, onRows(build, mean, rows));
    return [mean, einsumOf(build, 'tc,tc->c', [centred, centred], { factor })];
  },
  vjp: ({ inputs: [x], outputs: [mean] }, [dMean, dVariance], build) => [
    (addend) =>
      shareOf(build, build.node('batchStatisticsBackward', [x, mean, dMean ?? null, dVariance ?? null]))(addend),
  ],
};

export const batchStatisticsBackward: Op = {
  name: 'batchStatisticsBackward',
  infer: ([x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [x, mean, dMean, dVariance], outputs: [dx] }) => [
    {
      kernel: 'batchStatisticsBackward',
      operands: [x!, mean!, dMean ?? -1, dVariance ?? -1, dx],
      sizes: {},
      attributes: {},
    },
  ],
};
