import type { Attributes, Op } from '../types.ts';
import { matrixOf, shareOf, textOf } from './checks.ts';
import { reshaped, shapeIn } from './primitives/algebra.ts';

const isLast = (attributes: Attributes): boolean => textOf(attributes, 'end') === 'last';

/** One row of every sequence, its `first` or its `last`: pooling by the token that stands for a text. */
export const endRows: Op = {
  name: 'endRows',
  infer: ([x], attributes) => {
    textOf(attributes, 'end');
    return [{ type: 'f32', shape: [{ of: 'sequences', times: 1 }, matrixOf('endRows', x).width] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'endRows',
      operands: [x!, y],
      sizes: { columns: matrixOf('endRows', lowering.typeOf(x!)).width },
      attributes: { last: isLast(attributes) },
    },
  ],
  expand: ({ inputs: [x], attributes }, build, { sequences, length }) => {
    const [, columns] = shapeIn(build, x!);
    const rows = reshaped(build, x!, [sequences, length, columns]);
    const starts = [0, isLast(attributes) ? length - 1 : 0, 0];
    const slice = build.node('slice', [rows], { starts, sizes: [sequences, 1, columns], steps: [1, 1, 1] });
    return [reshaped(build, slice, [sequences, columns])];
  },
  vjp: ({ inputs: [x], attributes }, [dy], build) => [
    (addend) => shareOf(build, build.node('endRowsBackward', [dy!, x], attributes))(addend),
  ],
};

/** Zeros but for those rows. The second input tells the shape alone. */
export const endRowsBackward: Op = {
  name: 'endRowsBackward',
  infer: ([, x]) => [{ type: 'f32', shape: x!.shape }],
  lower: ({ inputs: [dy], outputs: [dx], attributes }, lowering) => [
    {
      kernel: 'endRowsBackward',
      operands: [dy!, dx],
      sizes: { columns: matrixOf('endRows', lowering.typeOf(dx)).width },
      attributes: { last: isLast(attributes) },
    },
  ],
};
