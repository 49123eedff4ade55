import { FormatError } from '../../core/errors.ts';
import type { Attributes, Op, Type } from '../types.ts';
import { matrixOf, numberOf, requireWidth, shareOf } from './checks.ts';
import { lastPlace, lastSlice } from './primitives/algebra.ts';

/** First column and number of columns, which lie within `width`. */
function part(op: string, attributes: Attributes, width: number): { start: number; count: number } {
  const [start, count] = [numberOf(attributes, 'start'), numberOf(attributes, 'count')];
  if (start < 0 || count < 0 || start + count > width)
    throw new FormatError(`${op}: columns ${start} to ${start + count} are not within rows of ${width}`);
  return { start, count };
}

const widthOf = (type: Type | undefined): number => matrixOf('columns', type).width;

/** Some columns of every row, from `start` on, `count` of them: one of several results of a fused matrix. */
export const columns: Op = {
  name: 'columns',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('columns', x);
    return [{ type: 'f32', shape: [rows, part('columns', attributes, width).count] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'columns',
      operands: [x!, y],
      sizes: { width: widthOf(lowering.typeOf(x!)) },
      attributes: part('columns', attributes, widthOf(lowering.typeOf(x!))),
    },
  ],
  expand: ({ inputs: [x], attributes }, build) => {
    const { start, count } = part('columns', attributes, widthOf(build.typeOf(x!)));
    return [lastSlice(build, x!, start, count)];
  },
  vjp: ({ inputs: [x], attributes }, [dy], build) => {
    const { start } = part('columns', attributes, widthOf(build.typeOf(x!)));
    const width = widthOf(build.typeOf(x!));
    return [(addend) => shareOf(build, build.node('columnsPlaced', [dy!], { start, width }))(addend)];
  },
};

/** Rows of `width` with these columns from `start` on, zeros elsewhere: the gradient of `columns`. */
export const columnsPlaced: Op = {
  name: 'columnsPlaced',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('columnsPlaced', x);
    const [start, all] = [numberOf(attributes, 'start'), numberOf(attributes, 'width')];
    requireWidth('columnsPlaced', 'x', width, part('columnsPlaced', { start, count: width }, all).count);
    return [{ type: 'f32', shape: [rows, all] }];
  },
  lower: ({ inputs: [x], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'columnsPlaced',
      operands: [x!, y],
      sizes: { width: numberOf(attributes, 'width') },
      attributes: { start: numberOf(attributes, 'start'), count: widthOf(lowering.typeOf(x!)) },
    },
  ],
  expand: ({ inputs: [x], attributes }, build) => [
    lastPlace(build, x!, numberOf(attributes, 'width'), numberOf(attributes, 'start')),
  ],
  vjp: ({ inputs: [x], attributes: { start } }, [dy], build) => [
    (addend) => shareOf(build, build.node('columns', [dy!], { start, count: widthOf(build.typeOf(x!)) }))(addend),
  ],
};
